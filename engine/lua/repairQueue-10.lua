--[[
  Repairs keys of a queue that belong to no single job, each if its fault is there still.

  KEYS[1]  wait           list    <prefix>:<queue>:wait
  KEYS[2]  paused         list    …:paused
  KEYS[3]  active         list    …:active
  KEYS[4]  prioritized    zset    …:prioritized
  KEYS[5]  delayed        zset    …:delayed
  KEYS[6]  marker         zset    …:marker
  KEYS[7]  meta           hash    …:meta
  KEYS[8]  id             string  …:id
  KEYS[9]  events         stream  …:events
  KEYS[10] repeat         zset    …:repeat
  ARGV[1]  job key prefix    ARGV[2…]  faults of examineQueue, or "counter-behind <number>"

  Returns  { faults that were repaired }
  Events   none
]]
--- @keys
keys.prefix = ARGV[1]
local prefix = ARGV[1]

--- @include "safely"
--- @include "markers"
--- @include "queueState"
--- @include "queueFaults"

local repaired = {}
each(#ARGV - 1, function(n)
  local fault = ARGV[1 + n]
  local kind, name = string.match(fault, '^([a-z-]+) ?(.*)$')
  if kind == 'counter-behind' then
    -- The next add would draw an id that a job has, and would be taken for a duplicate.
    if (tonumber(redis.call('GET', keys.id) or 0) or 0) >= tonumber(name) then return end
    redis.call('SET', keys.id, name)
  elseif not isPresent(keys, prefix, fault) then
    return
  elseif kind == 'legacy-list' then
    joinInWait(keys)
    local concurrency = tonumber(redis.call('HGET', keys.meta, 'concurrency') or nil)
    if not concurrency or redis.call('LLEN', keys.active) < concurrency then markJob(keys.marker) end
  elseif kind == 'stale-marker' then
    redis.call('ZREM', keys.marker, name)
    if name == '1' then markDelayed(keys.marker, keys.delayed) end
  else
    redis.call('UNLINK', prefix .. name)
  end
  repaired[#repaired + 1] = fault
end, function() end)
return repaired
