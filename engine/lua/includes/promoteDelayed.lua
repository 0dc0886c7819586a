-- Moves delayed jobs that are due, at most 1000, to wait or prioritized. Returns how many.
local function promoteDelayed(keys, prefix, now)
  local limit = string.format('%.0f', (now + 1) * 4096 - 1)
  local due = redis.call('ZRANGEBYSCORE', keys.delayed, 0, limit, 'LIMIT', 0, 1000)
  if #due == 0 then return 0 end
  redis.call('ZREM', keys.delayed, unpack(due))
  for _, id in ipairs(due) do
    local jobKey = prefix .. id
    local priority = tonumber(redis.call('HGET', jobKey, 'priority') or 0) or 0
    if priority > 0 then
      redis.call('ZADD', keys.prioritized, priorityScore(keys.pc, priority), id)
    else
      redis.call('LPUSH', keys.wait, id)
    end
    redis.call('XADD', keys.events, '*', 'event', 'waiting', 'jobId', id, 'prev', 'delayed')
    redis.call('HSET', jobKey, 'delay', '0')
  end
  return #due
end
