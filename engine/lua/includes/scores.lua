-- Scores are beyond 10^14: Lua's own conversion would round them, so they travel as text (docs/pitfalls.md#r7).

-- Returns the score of a job due at `due` ms: 4096 slots per millisecond preserve the order of adds for one moment.
local function delayedScore(delayedKey, due)
  local low = due * 4096
  local high = low + 4095
  local last = redis.call('ZREVRANGEBYSCORE', delayedKey, string.format('%.0f', high), string.format('%.0f', low),
    'WITHSCORES', 'LIMIT', 0, 1)
  local score = low
  if last[2] then score = math.min(tonumber(last[2]) + 1, high) end
  return string.format('%.0f', score)
end

-- Puts a job that may not run before `due` (ms) into delayed, and adds the event.
local function delayJob(keys, id, due)
  redis.call('ZADD', keys.delayed, delayedScore(keys.delayed, due), id)
  redis.call('XADD', keys.events, '*', 'event', 'delayed', 'jobId', id, 'delay', string.format('%.0f', due))
end

-- Returns the score of a prioritized job: priority first, then the order of arrival.
local function priorityScore(counterKey, priority)
  local count = redis.pcall('INCR', counterKey)
  if type(count) ~= 'number' then
    -- The counter is not a number. It starts again whenever no prioritized job waits, so it may do so now.
    redis.call('DEL', counterKey)
    count = redis.call('INCR', counterKey)
  end
  return string.format('%.0f', priority * 4294967296 + count % 4294967296)
end
