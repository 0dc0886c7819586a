-- Faults of keys that belong to no single job: a kind, and the name that it concerns.
local candidates = {
  'legacy-list', 'legacy-key priority', 'legacy-key delay', 'endless-key stalled-check', 'endless-key limiter',
  'endless-key drover:rescue', 'endless-key drover:rescue-shared',
}

-- Returns true if the queue has this fault now.
local function isPresent(keys, prefix, fault)
  local kind, name = string.match(fault, '^([a-z-]+) ?(.*)$')
  local isPaused = redis.call('HEXISTS', keys.meta, 'paused') == 1
  if kind == 'legacy-list' then
    return not isPaused and redis.call('LLEN', keys.paused) > 0
  elseif kind == 'legacy-key' then
    -- A hash is a job of that id.
    local stored = redis.call('TYPE', prefix .. name).ok
    return (name == 'priority' or name == 'delay') and stored ~= 'none' and stored ~= 'hash'
  elseif kind == 'endless-key' then
    return redis.call('PTTL', prefix .. name) == -1
  elseif kind == 'stale-marker' then
    local score = tonumber(redis.call('ZSCORE', keys.marker, name) or nil)
    if not score then return false end
    if name == '0' then return isPaused end
    if name ~= '1' then return true end
    local first = redis.call('ZRANGE', keys.delayed, 0, 0, 'WITHSCORES')
    return first[2] ~= nil and score > tonumber(first[2]) / 4096 + 1
  end
  return false
end
