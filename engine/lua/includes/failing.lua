-- Returns a keep rule of options: how many to keep (-1: all), for how long (s; -1: for ever), most to remove at once.
local function keepRule(value)
  if value == true then return 0, -1, 1000 end
  if type(value) == 'number' then return value, -1, 1000 end
  if type(value) ~= 'table' then return -1, -1, 1000 end
  return tonumber(value.count) or -1, tonumber(value.age) or -1, tonumber(value.limit) or 1000
end

local childFailed, failJob

-- Fails a job that no worker holds, as a worker would at the end of its last attempt. `from`: the state that it left.
failJob = function(keys, id, reason, from, now, bullmq5)
  local jobKey = keys.prefix .. id
  local values = redis.call('HMGET', jobKey, 'opts', 'parentKey', 'parent', 'deid')
  local known, opts = pcall(cjson.decode, values[1] or '{}')
  local count, age, limit = keepRule(known and type(opts) == 'table' and opts.removeOnFail or nil)
  local parent = values[2] and parentOf(values[2], values[3])
  if values[4] then tryReleaseDeduplication(keys, values[4], id, now, bullmq5) end
  if parent then childFailed(jobKey, parent, reason, now, bullmq5) end
  if count == 0 then
    if parent then childRemoved(jobKey, parent, bullmq5) end
    deleteJob(jobKey)
  else
    local nowText = string.format('%.0f', now)
    redis.call('HSET', jobKey, 'failedReason', reason, 'finishedOn', nowText)
    redis.call('HDEL', jobKey, 'defa')
    redis.call('ZADD', keys.failed, nowText, id)
    local done, why = pcall(keepFinished, keys, 'failed', now, count, age, limit, bullmq5)
    if not done then note(id, 'keep rule: ' .. errorText(why)) end
  end
  redis.call('XADD', keys.events, '*', 'event', 'failed', 'jobId', id, 'failedReason', reason, 'prev', from)
end

-- Applies the final failure of a child to its parent, by the flag of the child.
childFailed = function(childKey, parent, reason, now, bullmq5)
  local keys, flag = parent.keys, parent.flag
  if not flag then return end
  leaveParent(childKey, parent, function()
    if redis.call('EXISTS', parent.key) == 0 then return end
    if flag ~= 'fpof' then
      if flag ~= 'rdof' then redis.call('HSET', parent.key .. ':failed', childKey, reason) end
      if waitsForChildren(parent) and (flag == 'cpof' or not hasPendingChildren(parent)) then
        releaseParent(parent, now, bullmq5)
      end
      return
    end
    redis.call('ZADD', parent.key .. ':unsuccessful', string.format('%.0f', now), childKey)
    local why = 'child ' .. childKey .. ' failed'
    local state
    for _, candidate in ipairs({ { 'waiting-children', keys.waitingChildren }, { 'delayed', keys.delayed },
      { 'prioritized', keys.prioritized } }) do
      if not state and redis.call('ZSCORE', candidate[2], parent.id) then state = candidate end
    end
    if state and (parent.of548 and bullmq5 ~= 'off' or readQueue(keys, bullmq5).runsFailed) then
      -- A 5.48.1 worker would run a job that is to be failed unrun (docs/wire-format.md#v7).
      redis.call('ZREM', state[2], parent.id)
      local done, problem = pcall(failJob, keys, parent.id, why, state[1], now, bullmq5)
      if not done then setAside(keys, parent.id, why .. '; ' .. errorText(problem), now) end
    elseif state and state[1] ~= 'prioritized' then
      if state[1] == 'delayed' then redis.call('HSET', parent.key, 'delay', '0') end
      redis.call('HSET', parent.key, 'defa', why)
      releaseParent(parent, now, bullmq5, state[2])
    elseif not redis.call('ZSCORE', keys.failed, parent.id) then
      redis.call('HSET', parent.key, 'defa', why)
    end
  end)
end
