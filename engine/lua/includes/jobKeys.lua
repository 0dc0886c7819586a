-- Appends the keys below a job's hash to a list, all but its lock.
local function addKeysBelow(list, jobKey)
  local last = #list
  list[last + 1], list[last + 2], list[last + 3] = jobKey .. ':logs', jobKey .. ':dependencies', jobKey .. ':processed'
  list[last + 4], list[last + 5] = jobKey .. ':failed', jobKey .. ':unsuccessful'
end

-- Deletes a job's hash and the keys below it but the lock. Returns how many there were. A thread of Redis frees large values.
local function deleteJob(jobKey)
  local list = { jobKey }
  addKeysBelow(list, jobKey)
  return redis.call('UNLINK', unpack(list))
end
