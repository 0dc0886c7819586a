--[[
  Replaces the data of a job.

  KEYS[1]  job  hash  <prefix>:<queue>:<id>
  ARGV[1]  data, JSON

  Returns  0 done, -1 no such job
  Events   none
]]
if redis.call('EXISTS', KEYS[1]) == 0 then return -1 end
redis.call('HSET', KEYS[1], 'data', ARGV[1])
return 0
