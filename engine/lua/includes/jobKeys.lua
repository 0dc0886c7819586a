-- Appends the keys below a job's hash to a list, all but its lock.
local function addKeysBelow(list, jobKey)
  local last = #list
  list[last + 1], list[last + 2], list[last + 3] = jobKey .. ':logs', jobKey .. ':dependencies', jobKey .. ':processed'
  list[last + 4], list[last + 5] = jobKey .. ':failed', jobKey .. ':unsuccessful'
end

-- Deletes a job's hash and the keys below it but the lock.
local function deleteJob(jobKey)
  local list = { jobKey }
  addKeysBelow(list, jobKey)
  redis.call('DEL', unpack(list))
end
