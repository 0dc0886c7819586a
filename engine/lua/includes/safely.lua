-- A script is not rolled back (docs/pitfalls.md#r2), and a bad job must not harm its neighbours. So each script first reads
-- everything that the whole call depends on, where an error ends it before anything is written. Then it does each job's part
-- through each(); writes for many jobs at once go through surely().

-- Returns the keys of the queue with that prefix of job keys.
local function queueAt(prefix)
  return {
    prefix = prefix, wait = prefix .. 'wait', paused = prefix .. 'paused', active = prefix .. 'active',
    prioritized = prefix .. 'prioritized', delayed = prefix .. 'delayed', completed = prefix .. 'completed',
    failed = prefix .. 'failed', waitingChildren = prefix .. 'waiting-children', events = prefix .. 'events',
    meta = prefix .. 'meta', marker = prefix .. 'marker', pc = prefix .. 'pc', id = prefix .. 'id',
    stalled = prefix .. 'stalled', setAside = prefix .. 'drover:set-aside',
  }
end

-- Errors of single jobs: id, text, id, text, … A part of the reply, so that the caller logs and counts them. An id of "" stands
-- for the queue.
local problems = {}

local function note(id, why)
  problems[#problems + 1] = id
  problems[#problems + 1] = why
end

-- Redis 7 throws a table, older ones a text.
local function errorText(why)
  return tostring(type(why) == 'table' and why.err or why)
end

-- Calls work(n) for each n from 1 to count. After an error calls otherwise(n, text) and goes on with the next item. One pcall
-- for all, since most calls meet no error.
local function each(count, work, otherwise)
  local n = 0
  local function rest()
    while n < count do
      n = n + 1
      work(n)
    end
  end
  while true do
    local done, why = pcall(rest)
    if done then return end
    otherwise(n, errorText(why))
  end
end

-- Runs a write on which jobs between two lists depend. Its keys were read before, so that no key's type makes it fail; after
-- another error it is tried once more.
local function surely(...)
  local reply = redis.pcall(...)
  if type(reply) == 'table' and reply.err then return redis.call(...) end
  return reply
end

-- Removes a job from all states, with its lock and its hold on a deduplication id. A key of another type holds no job.
local function leaveStates(keys, id)
  local at = queueAt(keys.prefix)
  for _, list in ipairs({ at.wait, at.paused, at.active }) do redis.pcall('LREM', list, 0, id) end
  for _, set in ipairs({ at.prioritized, at.delayed, at.waitingChildren, at.completed, at.failed }) do
    redis.pcall('ZREM', set, id)
  end
  redis.pcall('SREM', at.stalled, id)
  redis.pcall('DEL', keys.prefix .. id .. ':lock')
  local deduplication = redis.pcall('HGET', keys.prefix .. id, 'deid')
  if type(deduplication) == 'string' then
    local ownerKey = keys.prefix .. 'de:' .. deduplication
    if redis.pcall('GET', ownerKey) == id then redis.pcall('DEL', ownerKey) end
  end
end

-- Fails a job that cannot go on for a reason of its own. If its key does not hold a job, its id goes to the hash
-- `drover:set-aside` with the reason, for an operator to look at.
local function setAside(keys, id, why, now)
  local at = queueAt(keys.prefix)
  local jobKey, nowText = keys.prefix .. id, string.format('%.0f', now)
  leaveStates(keys, id)
  note(id, why)
  local kind = redis.call('TYPE', jobKey).ok
  if kind == 'none' then return end
  if kind == 'hash' then
    redis.call('HSET', jobKey, 'failedReason', why, 'finishedOn', nowText)
    local stored = redis.pcall('ZADD', at.failed, nowText, id)
    if type(stored) == 'number' then
      redis.pcall('XADD', at.events, '*', 'event', 'failed', 'jobId', id, 'failedReason', why, 'prev', 'active')
      return
    end
  end
  redis.pcall('HSET', at.setAside, id, why)
end
