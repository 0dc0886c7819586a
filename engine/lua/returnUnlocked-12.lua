--[[
  Returns active jobs without a lock to wait, as a stalled check does, each if it has none still.

  KEYS[1]  wait              list    <prefix>:<queue>:wait
  KEYS[2]  paused            list    …:paused
  KEYS[3]  active            list    …:active
  KEYS[4]  prioritized       zset    …:prioritized
  KEYS[5]  delayed           zset    …:delayed
  KEYS[6]  completed         zset    …:completed
  KEYS[7]  failed            zset    …:failed
  KEYS[8]  waiting-children  zset    …:waiting-children
  KEYS[9]  events            stream  …:events
  KEYS[10] meta              hash    …:meta
  KEYS[11] marker            zset    …:marker
  KEYS[12] stalled           set     …:stalled
  ARGV[1]  job key prefix    ARGV[2]  "on", "auto", "seen" or "off": whether 5.x clients share the queue    ARGV[3…]  ids

  Returns  { ids that left active }  A job that has ended enters no other state.
  Events   per job: waiting with prev active, stalled
]]
--- @keys
keys.prefix = ARGV[1]
local prefix, bullmq5 = ARGV[1], ARGV[2]

--- @include "safely"
--- @include "events"
--- @include "markers"
--- @include "queueState"
--- @include "states"
--- @include "examination"

local queue = readQueue(keys, bullmq5)
local returned = {}
each(#ARGV - 2, function(n)
  local id = ARGV[2 + n]
  if faults['unlocked-job'](keys, prefix, id) == 0 then return end
  local values = redis.call('HMGET', prefix .. id, 'stc', 'stalledCounter')
  redis.call('LREM', keys.active, -1, id)
  redis.call('SREM', keys.stalled, id)
  returned[#returned + 1] = id
  if isSomewhere(keys, id) then return end
  local count = string.format('%.0f', math.max(numberOf(values[1]) or 0, numberOf(values[2]) or 0) + 1)
  redis.call('HSET', prefix .. id, 'stc', count)
  if queue.five then redis.call('HSET', prefix .. id, 'stalledCounter', count) end
  redis.call('RPUSH', queue.ready, id)
  redis.call('XADD', keys.events, '*', 'event', 'waiting', 'jobId', id, 'prev', 'active')
  redis.call('XADD', keys.events, '*', 'event', 'stalled', 'jobId', id)
end, function() end)
if #returned > 0 and not readQueue(keys, bullmq5).closed then pcall(markJob, keys.marker) end
pcall(trimEvents, keys.events, keys.meta)
return returned
