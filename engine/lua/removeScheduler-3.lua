--[[
  Removes a scheduler, and its pending job if that is delayed. A job that waits already or runs is left.

  KEYS[1]  delayed  zset    <prefix>:<queue>:delayed
  KEYS[2]  events   stream  …:events
  KEYS[3]  repeat   zset    …:repeat
  ARGV[1]  job key prefix    ARGV[2]  "on", "auto", "seen" or "off": whether 5.x clients share the queue
  ARGV[3]  scheduler id

  Returns  0 removed · 1 there is no such scheduler
  Events   removed with prev=delayed, of the pending job
]]
--- @keys
keys.prefix = ARGV[1]
local repeatKey, scheduler = keys['repeat'], ARGV[3]

--- @include "safely"
--- @include "events"
--- @include "markers"
--- @include "scores"
--- @include "queueState"
--- @include "removeJob"

local previous = tonumber(redis.call('ZSCORE', repeatKey, scheduler))
if not previous then return 1 end
local id = 'repeat:' .. scheduler .. ':' .. string.format('%.0f', previous)
redis.call('XLEN', keys.events)
if redis.call('ZSCORE', keys.delayed, id) then
  removeJob(keys, id, ARGV[2], true)
  redis.call('XADD', keys.events, '*', 'event', 'removed', 'jobId', id, 'prev', 'delayed')
end
redis.call('DEL', keys.prefix .. 'repeat:' .. scheduler)
redis.call('ZREM', repeatKey, scheduler)
return 0
