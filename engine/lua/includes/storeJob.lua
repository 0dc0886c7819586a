--- @include "writeRecord"

-- Stores a new job and puts it where it belongs. `job`: id, name, data, opts (JSON), timestamp, delay (ms, text), priority,
-- lifo, and what it has of parentKey, parent (JSON), scheduler, deduplication. Returns true if the job may run now. An error
-- leaves nothing of the job behind.
local function storeJob(keys, queue, job)
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
  local ready
  local done, why = pcall(function()
    writeRecord(jobKey, job.name, job.data, job.opts, job.timestamp, job.delay, job.priority, unpack(more))
    redis.call('XADD', keys.events, '*', 'event', 'added', 'jobId', job.id, 'name', job.name)
    local delay = tonumber(job.delay)
    ready = delay <= 0
    if ready then
      enqueue(keys, queue, job.id, tonumber(job.priority), job.lifo and 'RPUSH' or 'LPUSH')
      redis.call('XADD', keys.events, '*', 'event', 'waiting', 'jobId', job.id)
    else
      delayJob(keys, job.id, tonumber(job.timestamp) + delay)
    end
  end)
  if not done then
    leaveStates(keys, job.id)
    if isNew then redis.pcall('DEL', jobKey) end
    error(errorText(why), 0)
  end
  return ready
end
