--[[
  Lets n active jobs sleep until their children are done.

  KEYS[1]  active            list    <prefix>:<queue>:active
  KEYS[2]  waiting-children  zset    …:waiting-children
  KEYS[3]  events            stream  …:events
  KEYS[4]  stalled           set     …:stalled
  KEYS[5]  meta              hash    …:meta
  ARGV[1]  job key prefix    ARGV[2]  now, ms
  ARGV[3…] three per job: job id, lock token, job key of the child that must be pending (empty: any)

  Returns  one code per job: 0 done, 1 it has no such child that is pending (nothing moved), -1 no hash, -9 a child failed,
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

local ids, tokens, wanted = {}, {}, {}
for at = 3, #ARGV, 3 do
  local n = #ids + 1
  ids[n], tokens[n], wanted[n] = ARGV[at], ARGV[at + 1], ARGV[at + 2]
end
local owned = ownershipOf(prefix, ids, tokens)
local codes = {}

local function isPending(dependencies, child)
  if child == '' then return redis.call('SCARD', dependencies) > 0 end
  return redis.call('SISMEMBER', dependencies, child) == 1
end

each(#ids, function(n)
  local id = ids[n]
  local jobKey = prefix .. id
  if owned[n] == -1 then
    codes[n] = -1
  elseif redis.call('ZCARD', jobKey .. ':unsuccessful') > 0 then
    codes[n] = -9
  elseif not isPending(jobKey .. ':dependencies', wanted[n]) then
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
