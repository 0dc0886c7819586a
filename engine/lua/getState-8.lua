--[[
  Returns the state of a job, by the order of checks of docs/wire-format.md#states.

  KEYS[1…8]  completed, failed, delayed, prioritized (zsets), active, wait, paused (lists), waiting-children (zset)
  ARGV[1]    job id

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
