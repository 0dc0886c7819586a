--[[
  Resumes a paused queue. All jobs that 5.x clients put into `paused` return to `wait`: their next pause would overwrite a
  rest.

  KEYS[1]  wait         list    <prefix>:<queue>:wait
  KEYS[2]  paused       list    …:paused
  KEYS[3]  meta         hash    …:meta
  KEYS[4]  marker       zset    …:marker
  KEYS[5]  events       stream  …:events
  KEYS[6]  prioritized  zset    …:prioritized
  KEYS[7]  delayed      zset    …:delayed

  Returns  1 if there was a `paused` list, so that 5.x clients share the queue; else 0
  Events   resumed
]]
--- @keys

--- @include "safely"
--- @include "queueState"
--- @include "markers"

-- A key of another type ends the script here.
redis.call('XLEN', keys.events)
redis.call('ZCARD', keys.marker)
redis.call('ZCARD', keys.delayed)
local shared = redis.call('EXISTS', keys.paused)
joinInWait(keys)
redis.call('HDEL', keys.meta, 'paused')
-- Also when the queue is full: the worker that finishes a job then finds the next one.
if redis.call('EXISTS', keys.wait, keys.prioritized) > 0 then
  markJob(keys.marker)
else
  markDelayed(keys.marker, keys.delayed)
end
redis.call('XADD', keys.events, '*', 'event', 'resumed')
return shared
