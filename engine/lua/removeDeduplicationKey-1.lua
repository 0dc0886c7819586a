--[[
  Ends that a job owns its deduplication id, so that an add with that id counts again.

  KEYS[1]  job  hash  <prefix>:<queue>:<id>
  ARGV[1]  job key prefix    ARGV[2]  job id

  Returns  1 done, 0 it owns none
  Events   none
]]
local deduplication = redis.call('HGET', KEYS[1], 'deid')
local ownerKey = deduplication and ARGV[1] .. 'de:' .. deduplication
if not ownerKey or redis.call('GET', ownerKey) ~= ARGV[2] then return 0 end
return redis.call('DEL', ownerKey)
