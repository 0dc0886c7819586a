--[[
  Returns for how long the rate limiter prevents claims.

  KEYS[1]  meta     hash    <prefix>:<queue>:meta
  KEYS[2]  limiter  string  …:limiter
  ARGV[1]  the most jobs in a window, or "": the queue's own limit

  Returns  ms; 0 while fewer jobs than the limit have begun. Without any limit the PTTL of the counter: -2 there is none
  Events   none
]]
--- @include "numbers"

local most = tonumber(ARGV[1]) or numberOf(redis.call('HGET', KEYS[1], 'max'))
local ttl = redis.call('PTTL', KEYS[2])
if most and (numberOf(redis.call('GET', KEYS[2])) or 0) < most then return 0 end
return ttl
