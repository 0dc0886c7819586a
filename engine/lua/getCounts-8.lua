--[[
  Counts the jobs of each state, at one moment.

  KEYS[1]  completed         zset  <prefix>:<queue>:completed
  KEYS[2]  failed            zset  …:failed
  KEYS[3]  delayed           zset  …:delayed
  KEYS[4]  prioritized       zset  …:prioritized
  KEYS[5]  active            list  …:active
  KEYS[6]  wait              list  …:wait
  KEYS[7]  paused            list  …:paused
  KEYS[8]  waiting-children  zset  …:waiting-children

  Returns  eight counts in the order of the keys
  Events   none
]]
local counts = {}
for i, key in ipairs(KEYS) do
  local isList = i >= 5 and i <= 7
  counts[i] = redis.call(isList and 'LLEN' or 'ZCARD', key)
end
return counts
