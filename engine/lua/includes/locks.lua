-- Gives up the lock of a job. Returns 0, or -6 if another worker holds it, or -2 if nobody does.
local function releaseLock(jobKey, stalledKey, id, token)
  local lockKey = jobKey .. ':lock'
  local holder = redis.call('GET', lockKey)
  if holder == token then
    redis.call('DEL', lockKey)
    redis.call('SREM', stalledKey, id)
    return 0
  end
  if holder then return -6 end
  return -2
end
