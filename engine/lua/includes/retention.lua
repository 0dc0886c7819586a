-- Applies a keep rule to a finished set: first by age (seconds; at most `limit` jobs, the newest of the expired first),
-- then by count. -1 switches a rule off. No `removed` events: retention is not a removal by somebody.
local function keepFinished(finishedKey, prefix, now, count, age, limit)
  if age >= 0 then
    local bound = string.format('%.0f', now - age * 1000)
    local expired = redis.call('ZREVRANGEBYSCORE', finishedKey, bound, '-inf', 'LIMIT', 0, limit)
    for from = 1, #expired, 1000 do
      redis.call('ZREM', finishedKey, unpack(expired, from, math.min(from + 999, #expired)))
    end
    for _, id in ipairs(expired) do deleteJob(prefix .. id) end
  end
  if count > 0 then
    local surplus = redis.call('ZREVRANGE', finishedKey, count, -1)
    if #surplus > 0 then
      for _, id in ipairs(surplus) do deleteJob(prefix .. id) end
      redis.call('ZREMRANGEBYRANK', finishedKey, 0, -(count + 1))
    end
  end
end
