--[[
  Changes the priority of a job. One that waits gets its new place at once; in any other state the priority counts from its next
  wait on.

  KEYS[1]  job          hash    <prefix>:<queue>:<id>
  KEYS[2]  wait         list    <prefix>:<queue>:wait
  KEYS[3]  paused       list    …:paused
  KEYS[4]  active       list    …:active
  KEYS[5]  prioritized  zset    …:prioritized
  KEYS[6]  meta         hash    …:meta
  KEYS[7]  marker       zset    …:marker
  KEYS[8]  pc           string  …:pc
  ARGV[1]  job id    ARGV[2]  priority    ARGV[3]  "1": before the other jobs of this priority
  ARGV[4]  "on", "auto", "seen" or "off": whether 5.x clients share the queue

  Returns  0 done, -1 no such job
  Events   none
]]
--- @keys
local id, priority, lifo, bullmq5 = ARGV[1], tonumber(ARGV[2]), ARGV[3] == '1', ARGV[4]

--- @include "safely"
--- @include "markers"
--- @include "scores"
--- @include "queueState"

if redis.call('EXISTS', keys.job) == 0 then return -1 end
-- A key of another type ends the script here, before anything is written.
local ranked = redis.call('ZSCORE', keys.prioritized, id)
redis.call('ZCARD', keys.marker)
redis.call('HGET', keys.job, 'priority')
local queue = readQueue(keys, bullmq5)
redis.call('LLEN', queue.ready)

local waits = ranked or redis.call('LREM', queue.ready, -1, id) > 0
if not waits then
  -- Outside of the rules for 5.x clients a list of theirs may still have it.
  waits = redis.call('LREM', queue.ready == keys.paused and keys.wait or keys.paused, -1, id) > 0
end
if waits then
  local toFront = lifo and priority > 0
  if priority > 0 then
    local score = toFront and string.format('%.0f', priority * 4294967296) or priorityScore(keys.pc, priority)
    surely('ZADD', keys.prioritized, score, id)
  else
    surely(lifo and 'RPUSH' or 'LPUSH', queue.ready, id)
    if ranked then surely('ZREM', keys.prioritized, id) end
  end
  -- BullMQ writes no marker for the front of a priority.
  if not toFront and not queue.closed then pcall(markJob, keys.marker) end
end
surely('HSET', keys.job, 'priority', ARGV[2])
return 0
