-- Moves delayed jobs that are due, at most 1000, to where workers claim. Returns how many.
local function promoteDelayed(keys, queue, now)
  local limit = string.format('%.0f', (now + 1) * 4096 - 1)
  local due = redis.call('ZRANGEBYSCORE', keys.delayed, 0, limit, 'LIMIT', 0, 1000)
  if #due == 0 then return 0 end
  redis.call('ZCARD', keys.prioritized)
  redis.call('LLEN', queue.ready)
  redis.call('XLEN', keys.events)
  local promoted, broken = 0, {}
  each(#due, function(n)
    local id = due[n]
    local jobKey = keys.prefix .. id
    local priority = redis.call('HGET', jobKey, 'priority')
    -- An id without hash has nothing to run, and a delay of 0 would make a hash.
    if not priority and redis.call('EXISTS', jobKey) == 0 then return end
    redis.call('HSET', jobKey, 'delay', '0')
    enqueue(keys, queue, id, tonumber(priority or 0) or 0, 'LPUSH')
    promoted = promoted + 1
    redis.call('XADD', keys.events, '*', 'event', 'waiting', 'jobId', id, 'prev', 'delayed')
  end, function(n, why) broken[#broken + 1] = { due[n], why } end)
  surely('ZREM', keys.delayed, unpack(due))
  for _, job in ipairs(broken) do setAside(keys, job[1], job[2], now) end
  return promoted
end
