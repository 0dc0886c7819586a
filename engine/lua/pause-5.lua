--[[
  Pauses a queue: no worker claims from it until it is resumed. What runs goes on.

  KEYS[1]  wait    list    <prefix>:<queue>:wait
  KEYS[2]  paused  list    …:paused, where 5.x clients have what waits meanwhile
  KEYS[3]  meta    hash    …:meta
  KEYS[4]  marker  zset    …:marker
  KEYS[5]  events  stream  …:events
  ARGV[1]  whether 5.x clients share the queue: "on", "auto" or "off"

  Returns  1 if it was paused in the way of 5.x, as one list under `paused`; else 0
  Events   paused, each time
]]
--- @keys

--- @include "safely"
--- @include "queueState"

-- A key of another type ends the script here.
redis.call('XLEN', keys.events)
local shared = isShared(keys, ARGV[1], redis.call('HGET', keys.meta, 'version'))
if shared then joinInPaused(keys) end
redis.call('HSET', keys.meta, 'paused', '1')
redis.call('DEL', keys.marker)
redis.call('XADD', keys.events, '*', 'event', 'paused')
return shared and 1 or 0
