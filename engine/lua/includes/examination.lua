-- The faults of single jobs, by kind. Each function returns 0 for no fault, 1 for a fault that cannot be repaired, 2 for one
-- that can be. The scripts that repair check by the same functions before they write.

local function isStored(prefix, id)
  return redis.call('EXISTS', prefix .. id) == 1
end

local function isMissing(keys, prefix, id)
  return not isStored(prefix, id) and isSomewhere(keys, id) and 2 or 0
end

local faults = {
  ['lost-job'] = function(keys, prefix, id, latest)
    local values = redis.call('HMGET', prefix .. id, 'timestamp', 'opts')
    local timestamp = tonumber(values[1])
    return timestamp and timestamp <= latest and values[2] and not isSomewhere(keys, id) and 2 or 0
  end,
  ['missing-job'] = isMissing,
  -- Markers of old versions, which stood in the list of jobs.
  ['legacy-id'] = isMissing,
  ['unlocked-job'] = function(keys, prefix, id)
    return isStored(prefix, id) and redis.call('EXISTS', prefix .. id .. ':lock') == 0
      and redis.call('LPOS', keys.active, id) and 2 or 0
  end,
  ['orphaned-keys'] = function(keys, prefix, id)
    if isStored(prefix, id) or isSomewhere(keys, id) or redis.call('EXISTS', prefix .. id .. ':lock') == 1 then return 0 end
    for part, expected in pairs({ logs = 'list', dependencies = 'set', unsuccessful = 'zset' }) do
      if redis.call('TYPE', prefix .. id .. ':' .. part).ok == expected then return 2 end
    end
    for _, part in ipairs({ 'processed', 'failed' }) do
      local key = prefix .. id .. ':' .. part
      -- An id may end in such a word itself.
      if redis.call('TYPE', key).ok == 'hash' and redis.call('HEXISTS', key, 'opts') == 0 then return 2 end
    end
    return 0
  end,
  ['two-states'] = function(keys, _, id)
    local states = 0
    for _, key in ipairs({ keys.prioritized, keys.delayed, keys.completed, keys.failed, keys.waitingChildren }) do
      if redis.call('ZSCORE', key, id) then states = states + 1 end
    end
    for _, key in ipairs({ keys.wait, keys.paused, keys.active }) do
      states = states + #redis.call('LPOS', key, id, 'COUNT', 2)
    end
    return states > 1 and 1 or 0
  end,
  ['stale-stalled'] = function(keys, _, id)
    return redis.call('SISMEMBER', keys.stalled, id) == 1 and not redis.call('LPOS', keys.active, id) and 2 or 0
  end,
  ['set-aside'] = function(keys, prefix, id)
    if redis.call('HEXISTS', prefix .. 'drover:set-aside', id) == 0 then return 0 end
    -- The entry is of no use any more once nothing stands in the job's way.
    return (not isStored(prefix, id) or isSomewhere(keys, id)) and 2 or 1
  end,
}
