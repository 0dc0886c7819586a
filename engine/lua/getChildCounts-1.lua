--[[
  Counts the children of a job, at one moment.

  KEYS[1]  job  hash  <prefix>:<queue>:<id>

  Returns  how many completed, are pending, failed and were ignored, failed the job
  Events   none
]]
local jobKey = KEYS[1]
return {
  redis.call('HLEN', jobKey .. ':processed'), redis.call('SCARD', jobKey .. ':dependencies'),
  redis.call('HLEN', jobKey .. ':failed'), redis.call('ZCARD', jobKey .. ':unsuccessful'),
}
