-- Removes jobs that left a finished set. One that failed may still be what its parent waits for.
local function dropFinished(keys, target, ids, bullmq5)
  for _, id in ipairs(ids) do
    local jobKey = keys.prefix .. id
    local parent = target == 'failed' and redis.call('HMGET', jobKey, 'parentKey', 'parent') or {}
    deleteJob(jobKey)
    if parent[1] then childRemoved(jobKey, parentOf(parent[1], parent[2]), bullmq5) end
  end
end

-- Applies a keep rule to a finished set: first by age (seconds; at most `limit` jobs, the newest of the expired first),
-- then by count. -1 switches a rule off. No `removed` events: retention is not a removal by somebody.
local function keepFinished(keys, target, now, count, age, limit, bullmq5)
  local finishedKey = keys[target]
  if age >= 0 then
    local bound = string.format('%.0f', now - age * 1000)
    local expired = redis.call('ZREVRANGEBYSCORE', finishedKey, bound, '-inf', 'LIMIT', 0, limit)
    for from = 1, #expired, 1000 do
      redis.call('ZREM', finishedKey, unpack(expired, from, math.min(from + 999, #expired)))
    end
    dropFinished(keys, target, expired, bullmq5)
  end
  if count > 0 then
    local surplus = redis.call('ZREVRANGE', finishedKey, count, -1)
    if #surplus > 0 then
      redis.call('ZREMRANGEBYRANK', finishedKey, 0, -(count + 1))
      dropFinished(keys, target, surplus, bullmq5)
    end
  end
end
