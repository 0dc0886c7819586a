--- @include "writeRecord"

-- Stores a new job and puts it where it belongs. `job`: id, name, data, opts (JSON), timestamp, delay (ms, text), priority,
-- lifo, and what it has of parentKey, parent (JSON), scheduler, deduplication, children (it waits for them). `push`, if
-- given, is called with the id and lifo in place of the write to the list of jobs that may run. Returns true if the job may run
-- now, and true if it is delayed. An error leaves nothing of the job behind.
local function storeJob(keys, queue, job, push)
  local more = {}
  local function add(field, value)
    if value and value ~= '' then
      more[#more + 1] = field
      more[#more + 1] = value
    end
  end
  add('parentKey', job.parentKey)
  add('parent', job.parent)
  add('rjk', job.scheduler)
  add('deid', job.deduplication)
  local jobKey = keys.prefix .. job.id
  local isNew = redis.call('EXISTS', jobKey) == 0
  local ready, delayed = false, false
  local done, why = pcall(function()
    writeRecord(jobKey, job.name, job.data, job.opts, job.timestamp, job.delay, job.priority, unpack(more))
    redis.call('XADD', keys.events, '*', 'event', 'added', 'jobId', job.id, 'name', job.name)
    local delay, priority = tonumber(job.delay), tonumber(job.priority)
    if job.children then
      redis.call('ZADD', keys.waitingChildren, job.timestamp, job.id)
      redis.call('XADD', keys.events, '*', 'event', 'waiting-children', 'jobId', job.id)
    elseif delay > 0 then
      delayJob(keys, job.id, tonumber(job.timestamp) + delay)
      delayed = true
    else
      local later = push and priority <= 0
      if not later then enqueue(keys, queue, job.id, priority, job.lifo and 'RPUSH' or 'LPUSH') end
      redis.call('XADD', keys.events, '*', 'event', 'waiting', 'jobId', job.id)
      if later then push(job.id, job.lifo) end
      ready = true
    end
  end)
  if not done then
    leaveStates(keys, job.id)
    if isNew then redis.pcall('DEL', jobKey) end
    error(errorText(why), 0)
  end
  return ready, delayed
end
