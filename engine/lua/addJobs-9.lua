--[[
  Adds n jobs, in order: standard, prioritized or delayed.

  KEYS[1]  meta         hash    <prefix>:<queue>:meta
  KEYS[2]  id           string  …:id
  KEYS[3]  wait         list    …:wait
  KEYS[4]  delayed      zset    …:delayed
  KEYS[5]  prioritized  zset    …:prioritized
  KEYS[6]  marker       zset    …:marker
  KEYS[7]  events       stream  …:events
  KEYS[8]  pc           string  …:pc
  KEYS[9]  active       list    …:active
  ARGV[1]  job key prefix "<prefix>:<queue>:"
  ARGV[2…]  eight per job: name, data, opts (stored JSON), timestamp ms, delay ms, priority, custom id or "", "1" for lifo

  Returns  the ids, in order. A custom id that exists already is returned as it is and nothing of that job changes.
  Events   per job: added, then waiting or delayed; or duplicated
]]
local metaKey, idKey, waitKey, delayedKey, prioritizedKey = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local markerKey, eventsKey, counterKey, activeKey = KEYS[6], KEYS[7], KEYS[8], KEYS[9]
local prefix = ARGV[1]

--- @include "queueState"
--- @include "events"
--- @include "markers"
--- @include "scores"

-- Asked first: a key of another type ends the script here, before anything is written. The adds do not change the answer.
local closed = queueState(metaKey, activeKey)
redis.call('XLEN', eventsKey)

local count = (#ARGV - 1) / 8
local lastId = redis.call('INCRBY', idKey, count) - count
local ids, left, right = {}, {}, {}
local runnable, delayedAny = false, false

for n = 1, count do
  local at = 2 + (n - 1) * 8
  local timestamp, delay, priority = ARGV[at + 3], ARGV[at + 4], ARGV[at + 5]
  local id = ARGV[at + 6]
  local custom = id ~= ''
  if not custom then id = string.format('%.0f', lastId + n) end
  local jobKey = prefix .. id
  ids[n] = id
  if custom and redis.call('EXISTS', jobKey) == 1 then
    redis.call('XADD', eventsKey, '*', 'event', 'duplicated', 'jobId', id)
  else
    redis.call('HSET', jobKey, 'name', ARGV[at], 'data', ARGV[at + 1], 'opts', ARGV[at + 2], 'timestamp', timestamp,
      'delay', delay, 'priority', priority)
    redis.call('XADD', eventsKey, '*', 'event', 'added', 'jobId', id, 'name', ARGV[at])
    if tonumber(delay) > 0 then
      local due = tonumber(timestamp) + tonumber(delay)
      redis.call('ZADD', delayedKey, delayedScore(delayedKey, due), id)
      redis.call('XADD', eventsKey, '*', 'event', 'delayed', 'jobId', id, 'delay', string.format('%.0f', due))
      delayedAny = true
    else
      if tonumber(priority) > 0 then
        redis.call('ZADD', prioritizedKey, priorityScore(counterKey, tonumber(priority)), id)
      elseif ARGV[at + 7] == '1' then
        right[#right + 1] = id
      else
        left[#left + 1] = id
      end
      redis.call('XADD', eventsKey, '*', 'event', 'waiting', 'jobId', id)
      runnable = true
    end
  end
end

-- The two ends do not meet, so each keeps its own order. Slices: Lua's stack bounds the values of one call.
for from = 1, #left, 1000 do
  redis.call('LPUSH', waitKey, unpack(left, from, math.min(from + 999, #left)))
end
for from = 1, #right, 1000 do
  redis.call('RPUSH', waitKey, unpack(right, from, math.min(from + 999, #right)))
end
if runnable and not closed then markJob(markerKey) end
if delayedAny then markDelayed(markerKey, delayedKey) end
trimEvents(eventsKey, metaKey)
return ids
