-- Deletes a job's hash and every key below it but the lock.
local function deleteJob(jobKey)
  redis.call('DEL', jobKey, jobKey .. ':logs', jobKey .. ':dependencies', jobKey .. ':processed', jobKey .. ':failed',
    jobKey .. ':unsuccessful')
end
