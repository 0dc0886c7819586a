-- Whether jobs may be taken: not paused, and fewer active than the queue's global concurrency.
-- Returns closed, and the number of free slots (nil: no limit).
local function queueState(metaKey, activeKey)
  local meta = redis.call('HMGET', metaKey, 'paused', 'concurrency')
  if meta[1] then return true, 0 end
  if meta[2] then
    local free = tonumber(meta[2]) - redis.call('LLEN', activeKey)
    return free <= 0, math.max(free, 0)
  end
  return false, nil
end
