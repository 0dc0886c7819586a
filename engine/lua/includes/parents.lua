-- The keys of any queue, by what stands before its job ids.
local function queueAt(prefix)
  return {
    prefix = prefix, wait = prefix .. 'wait', paused = prefix .. 'paused', active = prefix .. 'active',
    prioritized = prefix .. 'prioritized', delayed = prefix .. 'delayed', completed = prefix .. 'completed',
    failed = prefix .. 'failed', waitingChildren = prefix .. 'waiting-children', events = prefix .. 'events',
    meta = prefix .. 'meta', marker = prefix .. 'marker', pc = prefix .. 'pc', id = prefix .. 'id',
  }
end

-- The parent of a job, from the fields parentKey and parent of its hash: { key, id, keys of its queue, flag: what its
-- failure does to the parent (fpof, cpof, idof, rdof, or nil) }.
local function parentOf(parentKey, parentJson)
  local known, parent = pcall(cjson.decode, parentJson or '')
  if not known or type(parent) ~= 'table' then parent = {} end
  local id, prefix = parent.id, parent.queueKey and parent.queueKey .. ':'
  if not id or not prefix then
    prefix, id = string.match(parentKey, '^(.*:)([^:]*)$')
  end
  local result = { key = parentKey, id = id, keys = queueAt(prefix) }
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

-- Lets a parent run that waits for children: at once, after its delay, or in the order of its priority.
local function releaseParent(parent, now, bullmq5)
  local keys = parent.keys
  local queue = readQueue(keys, bullmq5)
  redis.call('ZREM', keys.waitingChildren, parent.id)
  -- 5.48.1 refuses to complete a parent with children left unless it finds this (contract section 9a.2, C10).
  if queue.five and hasPendingChildren(parent) then redis.call('HSET', parent.key, 'igdp', '1') end
  local values = redis.call('HMGET', parent.key, 'priority', 'delay')
  local delay = tonumber(values[2]) or 0
  if delay > 0 then
    local due = now + delay
    redis.call('ZADD', keys.delayed, string.format('%.0f', due * 4096), parent.id)
    redis.call('XADD', keys.events, '*', 'event', 'delayed', 'jobId', parent.id, 'delay', string.format('%.0f', due))
    markDelayed(keys.marker, keys.delayed)
  else
    enqueue(keys, queue, parent.id, tonumber(values[1]) or 0, 'RPUSH')
    if not queue.closed then markJob(keys.marker) end
    redis.call('XADD', keys.events, '*', 'event', 'waiting', 'jobId', parent.id, 'prev', 'waiting-children')
  end
end

-- A child was removed without an end of its own: the last one lets its parent run.
local function childRemoved(childKey, parent, bullmq5)
  if redis.call('SREM', parent.key .. ':dependencies', childKey) == 0 or hasPendingChildren(parent) or
    not waitsForChildren(parent) then
    return
  end
  local keys = parent.keys
  local queue = readQueue(keys, bullmq5)
  redis.call('ZREM', keys.waitingChildren, parent.id)
  redis.call('RPUSH', queue.ready, parent.id)
  if not queue.closed then markJob(keys.marker) end
  redis.call('XADD', keys.events, '*', 'event', 'waiting', 'jobId', parent.id, 'prev', 'waiting-children')
end

local function childCompleted(childKey, parent, value, now, bullmq5)
  if redis.call('SREM', parent.key .. ':dependencies', childKey) == 0 then return end
  redis.call('HSET', parent.key .. ':processed', childKey, value)
  if not hasPendingChildren(parent) and waitsForChildren(parent) then releaseParent(parent, now, bullmq5) end
end
