--[[
  Lets a delayed job run now.

  KEYS[1]  wait         list    <prefix>:<queue>:wait
  KEYS[2]  paused       list    …:paused
  KEYS[3]  active       list    …:active
  KEYS[4]  prioritized  zset    …:prioritized
  KEYS[5]  delayed      zset    …:delayed
  KEYS[6]  events       stream  …:events
  KEYS[7]  meta         hash    …:meta
  KEYS[8]  marker       zset    …:marker
  KEYS[9]  pc           string  …:pc
  ARGV[1]  job key prefix    ARGV[2]  job id    ARGV[3]  "on", "auto", "seen" or "off": whether 5.x clients share the queue

  Returns  0 done, -3 not delayed
  Events   waiting with prev delayed
]]
--- @keys
keys.prefix = ARGV[1]
local id, bullmq5 = ARGV[2], ARGV[3]

--- @include "safely"
--- @include "events"
--- @include "markers"
--- @include "scores"
--- @include "queueState"

if not redis.call('ZSCORE', keys.delayed, id) then return -3 end
-- A key of another type ends the script here, before anything is written.
redis.call('XLEN', keys.events)
redis.call('ZCARD', keys.prioritized)
redis.call('ZCARD', keys.marker)
local priority = redis.call('HGET', keys.prefix .. id, 'priority')
local queue = readQueue(keys, bullmq5)
redis.call('LLEN', queue.ready)

-- An id without hash has nothing to run, and a delay of 0 would make a hash.
if not priority and redis.call('EXISTS', keys.prefix .. id) == 0 then
  redis.call('ZREM', keys.delayed, id)
  return -3
end
enqueue(keys, queue, id, tonumber(priority or 0) or 0, 'LPUSH')
surely('ZREM', keys.delayed, id)
surely('HSET', keys.prefix .. id, 'delay', '0')
if not queue.closed then pcall(markJob, keys.marker) end
redis.pcall('XADD', keys.events, '*', 'event', 'waiting', 'jobId', id, 'prev', 'delayed')
pcall(trimEvents, keys.events, keys.meta)
return 0
