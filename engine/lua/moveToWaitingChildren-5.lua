--[[
  Lets n active jobs sleep until their children are done.

  KEYS[1]  active            list    <prefix>:<queue>:active
  KEYS[2]  waiting-children  zset    …:waiting-children
  KEYS[3]  events            stream  …:events
  KEYS[4]  stalled           set     …:stalled
  KEYS[5]  meta              hash    …:meta
  ARGV[1]  job key prefix    ARGV[2]  now, ms
  ARGV[3…] pairs: job id, lock token

  Returns  one code per job: 0 done, 1 it has no child that is pending (nothing moved), -1 no hash, -9 a child failed,
           -2 no lock, -6 another worker's lock, -3 not active; after them problems, if there are any: id, text, id, text, …
           of jobs that failed here or were set aside (includes/safely)
  Events   per job: waiting-children with prev active
]]
--- @keys
keys.prefix = ARGV[1]
local prefix, now = ARGV[1], ARGV[2]

--- @include "safely"
--- @include "events"
--- @include "locks"

redis.call('XLEN', keys.events)
redis.call('LLEN', keys.active)
redis.call('SCARD', keys.stalled)
redis.call('ZCARD', keys.waitingChildren)

local ids, tokens = {}, {}
for at = 3, #ARGV, 2 do ids[#ids + 1], tokens[#tokens + 1] = ARGV[at], ARGV[at + 1] end
local owned = ownershipOf(prefix, ids, tokens)
local codes = {}
each(#ids, function(n)
  local id = ids[n]
  local jobKey = prefix .. id
  if owned[n] == -1 then
    codes[n] = -1
  elseif redis.call('ZCARD', jobKey .. ':unsuccessful') > 0 then
    codes[n] = -9
  elseif redis.call('SCARD', jobKey .. ':dependencies') == 0 then
    codes[n] = 1
  elseif owned[n] ~= 0 then
    codes[n] = owned[n]
  else
    codes[n] = leaveActive(keys, id)
    if codes[n] ~= 0 then return end
    redis.call('ZADD', keys.waitingChildren, now, id)
    redis.call('XADD', keys.events, '*', 'event', 'waiting-children', 'jobId', id, 'prev', 'active')
  end
end, function(n, why)
  codes[n] = owned[n]
  if owned[n] == 0 then setAside(keys, ids[n], 'it could not wait for its children: ' .. why, tonumber(now)) end
end)
pcall(trimEvents, keys.events, keys.meta)
if #problems > 0 then codes[#codes + 1] = problems end
return codes
