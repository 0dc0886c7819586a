-- Returns the parent of a job from the fields parentKey and parent of its hash, nil if they name none: { key, id, keys of its
-- queue, flag: the effect of the job's failure on the parent (fpof, cpof, idof, rdof, or nil), of548: a client such as 5.48.1
-- stored it }.
local function parentOf(parentKey, parentJson)
  local known, parent = pcall(cjson.decode, parentJson or '')
  if not known or type(parent) ~= 'table' then parent = {} end
  local id, prefix = parent.id, type(parent.queueKey) == 'string' and parent.queueKey .. ':'
  if type(id) ~= 'string' or id == '' or not prefix then
    prefix, id = string.match(parentKey, '^(.+:.+:)([^:]+)$')
  end
  if not id then return end
  local result = { key = parentKey, id = id, keys = queueAt(prefix) }
  -- Its FlowProducer leaves no other trace: 5.81.5 and 6.x write the id first.
  result.of548 = string.sub(parentJson or '', 1, 8) == '{"fpof":'
  for _, flag in ipairs({ 'fpof', 'cpof', 'idof', 'rdof' }) do
    if parent[flag] then result.flag = flag end
  end
  return result
end

local function waitsForChildren(parent)
  return redis.call('ZSCORE', parent.keys.waitingChildren, parent.id)
end

local function hasPendingChildren(parent)
  return redis.call('SCARD', parent.key .. ':dependencies') > 0
end

-- Lets a parent run that waits for children: at once, after its delay, or in the order of its priority. The parent enters its
-- new state before it leaves the old one, `from`: after an error it is in the old one.
local function releaseParent(parent, now, bullmq5, from)
  local keys = parent.keys
  local queue = readQueue(keys, bullmq5)
  -- 5.48.1 refuses to complete a parent with children left unless it finds this (docs/wire-format.md#v10).
  if (queue.runsFailed or parent.of548 and bullmq5 ~= 'off') and hasPendingChildren(parent) then
    redis.call('HSET', parent.key, 'igdp', '1')
  end
  local values = redis.call('HMGET', parent.key, 'priority', 'delay')
  local delay = tonumber(values[2]) or 0
  if delay > 0 then
    local due = now + delay
    redis.call('ZADD', keys.delayed, string.format('%.0f', due * 4096), parent.id)
    surely('ZREM', keys.waitingChildren, parent.id)
    redis.pcall('XADD', keys.events, '*', 'event', 'delayed', 'jobId', parent.id, 'delay', string.format('%.0f', due))
    pcall(markDelayed, keys.marker, keys.delayed)
  else
    enqueue(keys, queue, parent.id, tonumber(values[1]) or 0, 'RPUSH')
    surely('ZREM', from or keys.waitingChildren, parent.id)
    if not queue.closed then pcall(markJob, keys.marker) end
    redis.pcall('XADD', keys.events, '*', 'event', 'waiting', 'jobId', parent.id, 'prev', 'waiting-children')
  end
end

-- Removes an ended child from what its parent waits for; `tell` stores its end. An error undoes the removal, so that the parent
-- waits on and a retry of the child reaches it.
local function leaveParent(childKey, parent, tell)
  local dependenciesKey = parent.key .. ':dependencies'
  if redis.call('SREM', dependenciesKey, childKey) == 0 then return end
  local done, why = pcall(tell)
  if not done then
    redis.pcall('SADD', dependenciesKey, childKey)
    error('its parent ' .. parent.key .. ' cannot be updated: ' .. errorText(why), 0)
  end
end

-- Handles the removal of a child without an end of its own: the last one lets its parent run. `quiet`: without event.
local function childRemoved(childKey, parent, bullmq5, quiet)
  leaveParent(childKey, parent, function()
    if hasPendingChildren(parent) or not waitsForChildren(parent) then return end
    local keys = parent.keys
    local queue = readQueue(keys, bullmq5)
    redis.call('RPUSH', queue.ready, parent.id)
    surely('ZREM', keys.waitingChildren, parent.id)
    if not queue.closed then pcall(markJob, keys.marker) end
    if quiet then return end
    redis.pcall('XADD', keys.events, '*', 'event', 'waiting', 'jobId', parent.id, 'prev', 'waiting-children')
  end)
end

local function childCompleted(childKey, parent, value, now, bullmq5)
  leaveParent(childKey, parent, function()
    redis.call('HSET', parent.key .. ':processed', childKey, value)
    if not hasPendingChildren(parent) and waitsForChildren(parent) then releaseParent(parent, now, bullmq5) end
  end)
end
