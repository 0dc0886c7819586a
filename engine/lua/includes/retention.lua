-- Removes jobs that a keep rule drops from a finished set. The parent of a failed one may still wait for it.
local function dropFinished(keys, target, ids, bullmq5)
  local finishedKey, dropped = keys[target], {}
  each(#ids, function(n)
    local id = ids[n]
    local jobKey = keys.prefix .. id
    local values = target == 'failed' and redis.pcall('HMGET', jobKey, 'parentKey', 'parent') or {}
    local parent = values[1] and parentOf(values[1], values[2])
    if parent then childRemoved(jobKey, parent, bullmq5) end
    deleteJob(jobKey)
    dropped[#dropped + 1] = id
  end, function(n, why) note(ids[n], why) end)
  for from = 1, #dropped, 1000 do
    surely('ZREM', finishedKey, unpack(dropped, from, math.min(from + 999, #dropped)))
  end
end

-- Applies a keep rule to a finished set: first by age (seconds; at most `limit` jobs, the newest of the expired first),
-- then by count. -1 switches a rule off. No `removed` events: BullMQ adds them for removals by a client alone.
local function keepFinished(keys, target, now, count, age, limit, bullmq5)
  local finishedKey = keys[target]
  -- More than any set can hold, and written in a way that Redis reads as an integer.
  local function whole(number) return string.format('%.0f', math.min(math.floor(number), 2 ^ 53)) end
  if age >= 0 then
    local bound = string.format('%.0f', now - age * 1000)
    local expired = redis.call('ZREVRANGEBYSCORE', finishedKey, bound, '-inf', 'LIMIT', 0, whole(limit))
    dropFinished(keys, target, expired, bullmq5)
  end
  if count > 0 then
    dropFinished(keys, target, redis.call('ZREVRANGE', finishedKey, whole(count), -1), bullmq5)
  end
end
