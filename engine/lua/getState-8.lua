--[[
  Returns the state of a job, by the order of checks of docs/wire-format.md#states.

  KEYS[1]  completed         zset  <prefix>:<queue>:completed
  KEYS[2]  failed            zset  …:failed
  KEYS[3]  delayed           zset  …:delayed
  KEYS[4]  prioritized       zset  …:prioritized
  KEYS[5]  active            list  …:active
  KEYS[6]  wait              list  …:wait
  KEYS[7]  paused            list  …:paused
  KEYS[8]  waiting-children  zset  …:waiting-children
  ARGV[1]  job id

  Returns  the index of the key that holds it, 0 if none does
  Events   none
]]
for i = 1, 4 do
  if redis.call('ZSCORE', KEYS[i], ARGV[1]) then return i end
end
for i = 5, 7 do
  if redis.call('LPOS', KEYS[i], ARGV[1]) then return i end
end
if redis.call('ZSCORE', KEYS[8], ARGV[1]) then return 8 end
return 0
