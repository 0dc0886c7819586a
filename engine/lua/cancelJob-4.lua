--[[
  Requests that the worker that holds a job sets its cancel token. The worker reads the stream of requests at once. If it
  misses the stream, it finds the hash when it renews the lock.

  KEYS[1]  job      hash    <prefix>:<queue>:<id>
  KEYS[2]  lock     string  …:<id>:lock
  KEYS[3]  cancel   hash    <prefix>:<queue>:drover:cancel, job id to the lock token that is meant, a newline, the reason
  KEYS[4]  cancels  stream  …:drover:cancels, fields id, token, reason
  ARGV[1]  job key prefix    ARGV[2]  job id    ARGV[3]  reason or ""

  Returns  0 requested, -1 no such job, -2 no worker holds it
  Events   none
]]
local cancelKey, requestsKey, prefix, id, reason = KEYS[3], KEYS[4], ARGV[1], ARGV[2], ARGV[3]
if redis.call('EXISTS', KEYS[1]) == 0 then return -1 end
local token = redis.call('GET', KEYS[2])
if not token then return -2 end

-- Requests for claims that ended are deleted, so that the hash holds no more than jobs that run.
local requests = redis.call('HGETALL', cancelKey)
for i = 1, #requests, 2 do
  if redis.call('GET', prefix .. requests[i] .. ':lock') ~= string.match(requests[i + 1], '^[^\n]*') then
    redis.call('HDEL', cancelKey, requests[i])
  end
end
redis.call('HSET', cancelKey, id, token .. '\n' .. reason)
redis.call('XADD', requestsKey, 'MAXLEN', 1000, '*', 'id', id, 'token', token, 'reason', reason)
-- A worker that has not renewed the lock before it expires has lost the job: the request is then without a reader.
local left = math.max(redis.call('PTTL', KEYS[2]), redis.call('PTTL', cancelKey), 1)
redis.call('PEXPIRE', cancelKey, left)
redis.call('PEXPIRE', requestsKey, left)
return 0
