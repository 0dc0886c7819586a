--[[
  Asks the worker that holds a job to set its cancel token; it reads the request when it renews the lock.

  KEYS[1]  job     hash    <prefix>:<queue>:<id>
  KEYS[2]  lock    string  …:<id>:lock
  KEYS[3]  cancel  hash    <prefix>:<queue>:drover:cancel, job id to the lock token that is meant
  ARGV[1]  job key prefix    ARGV[2]  job id

  Returns  0 requested, -1 no such job, -2 nobody holds it
  Events   none
]]
local cancelKey, prefix, id = KEYS[3], ARGV[1], ARGV[2]
if redis.call('EXISTS', KEYS[1]) == 0 then return -1 end
local token = redis.call('GET', KEYS[2])
if not token then return -2 end

-- What is meant for a claim that ended is forgotten, so that the hash never holds more than jobs that run.
local requests = redis.call('HGETALL', cancelKey)
for i = 1, #requests, 2 do
  if redis.call('GET', prefix .. requests[i] .. ':lock') ~= requests[i + 1] then
    redis.call('HDEL', cancelKey, requests[i])
  end
end
redis.call('HSET', cancelKey, id, token)
-- Whoever has not renewed the lock before it expires does not hold it any more: nothing is left to be told then.
local left = math.max(redis.call('PTTL', KEYS[2]), redis.call('PTTL', cancelKey), 1)
redis.call('PEXPIRE', cancelKey, left)
return 0
