--[[
  Renews the locks of active jobs, removes the jobs from the stalled set, and returns which of them are to be cancelled.

  KEYS[1]  stalled  set   <prefix>:<queue>:stalled
  KEYS[2]  cancel   hash  …:drover:cancel, see cancelJob
  ARGV[1]  job key prefix "<prefix>:<queue>:"    ARGV[2]  lock duration, ms
  ARGV[3…]  pairs: job id, lock token

  Returns  { lost, cancelled, reasons }: positions (from 0) of pairs, not ids: one job may be in the list twice, when it was
           claimed again before the caller noticed the loss of the first claim
           lost:      the lock is gone or another worker's
           cancelled: to be cancelled, their locks are renewed. Returned at each renewal until the request expires, so
                      that a lost reply costs nothing
           reasons:   one text for each of cancelled
  Events   none
]]
local stalledKey, cancelKey = KEYS[1], KEYS[2]
local prefix, duration = ARGV[1], ARGV[2]
-- MGET has no lock where the key is of another type. In slices: Lua's stack bounds the values of one call
-- (docs/pitfalls.md#r6).
local count = (#ARGV - 2) / 2
local holders = {}
for from = 1, count, 1000 do
  local lockKeys = {}
  for n = from, math.min(from + 999, count) do lockKeys[#lockKeys + 1] = prefix .. ARGV[1 + 2 * n] .. ':lock' end
  for _, holder in ipairs(redis.call('MGET', unpack(lockKeys))) do holders[#holders + 1] = holder end
end
local anyRequest = redis.call('EXISTS', cancelKey) == 1
local lost, cancelled, reasons, renewed = {}, {}, {}, {}
for n = 1, count do
  local id, token = ARGV[1 + 2 * n], ARGV[2 + 2 * n]
  if holders[n] == token then
    redis.call('SET', prefix .. id .. ':lock', token, 'PX', duration)
    renewed[#renewed + 1] = id
    local request = anyRequest and redis.pcall('HGET', cancelKey, id)
    if type(request) == 'string' and string.sub(request, 1, #token + 1) == token .. '\n' then
      cancelled[#cancelled + 1] = n - 1
      reasons[#reasons + 1] = string.sub(request, #token + 2)
    end
  else
    lost[#lost + 1] = n - 1
  end
end
for from = 1, #renewed, 1000 do
  redis.call('SREM', stalledKey, unpack(renewed, from, math.min(from + 999, #renewed)))
end
return { lost, cancelled, reasons }
