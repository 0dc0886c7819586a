--[[
  Reads the keys of a queue that belong to no single job, at one moment.

  KEYS[1]  paused         list    <prefix>:<queue>:paused
  KEYS[2]  delayed        zset    …:delayed
  KEYS[3]  marker         zset    …:marker
  KEYS[4]  meta           hash    …:meta
  KEYS[5]  id             string  …:id
  KEYS[6]  repeat         zset    …:repeat
  ARGV[1]  job key prefix

  Returns  { names of faults }  each as repairQueue accepts it: legacy-list, legacy-key <name>, endless-key <name>,
           stale-marker <member>
  Events   none
]]
--- @keys
local prefix = ARGV[1]

--- @include "queueFaults"

local found = {}
for _, fault in ipairs(candidates) do
  local done, present = pcall(isPresent, keys, prefix, fault)
  if done and present then found[#found + 1] = fault end
end
for _, member in ipairs(redis.call('TYPE', keys.marker).ok == 'zset' and redis.call('ZRANGE', keys.marker, 0, 99) or {}) do
  local fault = 'stale-marker ' .. member
  if isPresent(keys, prefix, fault) then found[#found + 1] = fault end
end
return found
