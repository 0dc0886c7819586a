-- Marks that a job may be ready: wakes one blocked worker. Callers skip it when the queue is closed.
local function markJob(markerKey)
  redis.call('ZADD', markerKey, 0, '0')
end

-- Marks until when a worker may sleep: the due time of the earliest delayed job, in ms, unrounded.
local function markDelayed(markerKey, delayedKey)
  local first = redis.call('ZRANGE', delayedKey, 0, 0, 'WITHSCORES')
  if first[2] then
    redis.call('ZADD', markerKey, string.format('%.17g', tonumber(first[2]) / 4096), '1')
  end
end
