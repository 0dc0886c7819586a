-- "There may be a job to take": wakes one blocked worker. Callers skip it when the queue is closed.
local function markJob(markerKey)
  redis.call('ZADD', markerKey, 0, '0')
end

-- "Sleep no longer than this": the due time of the earliest delayed job, in ms, unrounded.
local function markDelayed(markerKey, delayedKey)
  local first = redis.call('ZRANGE', delayedKey, 0, 0, 'WITHSCORES')
  if first[2] then
    redis.call('ZADD', markerKey, string.format('%.17g', tonumber(first[2]) / 4096), '1')
  end
end
