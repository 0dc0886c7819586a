--[[
  Pauses a queue: no worker claims from it until it is resumed. Running jobs go on.

  KEYS[1]  wait    list    <prefix>:<queue>:wait
  KEYS[2]  paused  list    …:paused, the list of 5.x clients for what waits in a paused queue
  KEYS[3]  meta    hash    …:meta
  KEYS[4]  marker  zset    …:marker
  KEYS[5]  events  stream  …:events
  ARGV[1]  whether 5.x clients share the queue: "on", "auto", "seen" or "off"

  Returns  1 if the jobs went to `paused`, since 5.x clients share the queue; else 0
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
