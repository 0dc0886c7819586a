-- Moves delayed jobs that are due, at most 1000, to where they can be taken. Returns how many.
local function promoteDelayed(keys, queue, now)
  local limit = string.format('%.0f', (now + 1) * 4096 - 1)
  local due = redis.call('ZRANGEBYSCORE', keys.delayed, 0, limit, 'LIMIT', 0, 1000)
  if #due == 0 then return 0 end
  redis.call('ZREM', keys.delayed, unpack(due))
  for _, id in ipairs(due) do
    local jobKey = keys.prefix .. id
    enqueue(keys, queue, id, tonumber(redis.call('HGET', jobKey, 'priority') or 0) or 0, 'LPUSH')
    redis.call('XADD', keys.events, '*', 'event', 'waiting', 'jobId', id, 'prev', 'delayed')
    redis.call('HSET', jobKey, 'delay', '0')
  end
  return #due
end
