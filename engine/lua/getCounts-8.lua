--[[
  How many jobs are in each state, at one moment.

  KEYS[1…8]  completed, failed, delayed, prioritized (zsets), active, wait, paused (lists), waiting-children (zset)

  Returns  eight counts in the order of the keys
  Events   none
]]
local counts = {}
for i, key in ipairs(KEYS) do
  local isList = i >= 5 and i <= 7
  counts[i] = redis.call(isList and 'LLEN' or 'ZCARD', key)
end
return counts
