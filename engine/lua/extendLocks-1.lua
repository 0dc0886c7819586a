--[[
  Keeps the locks of active jobs and takes the jobs off the stalled set.

  KEYS[1]  stalled  set  <prefix>:<queue>:stalled
  ARGV[1]  job key prefix "<prefix>:<queue>:"    ARGV[2]  lock duration, ms
  ARGV[3…]  pairs: job id, lock token

  Returns  the positions (from 0) of the pairs whose lock is gone or another worker's; not the ids, since one job may be
           in the list twice: claimed again before the first claim's loss was noticed
  Events   none
]]
local stalledKey = KEYS[1]
local prefix, duration = ARGV[1], ARGV[2]
local lost, renewed = {}, {}
for i = 3, #ARGV, 2 do
  local id, token = ARGV[i], ARGV[i + 1]
  local lockKey = prefix .. id .. ':lock'
  if redis.call('GET', lockKey) == token then
    redis.call('SET', lockKey, token, 'PX', duration)
    renewed[#renewed + 1] = id
  else
    lost[#lost + 1] = (i - 3) / 2
  end
end
-- In slices: Lua's stack bounds how many values one call can take.
for from = 1, #renewed, 1000 do
  redis.call('SREM', stalledKey, unpack(renewed, from, math.min(from + 999, #renewed)))
end
return lost
