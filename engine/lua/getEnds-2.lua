--[[
  Returns how jobs ended.

  KEYS[1]  completed  zset  <prefix>:<queue>:completed
  KEYS[2]  failed     zset  …:failed
  ARGV[1]  "<prefix>:<queue>:"
  ARGV[2…] ids

  Returns  a code and a text for each id: 1 and the return value, 2 and the reason, 0 not ended, -1 there is no such job
  Events   none
]]
local ends = {}
for i = 2, #ARGV do
  local jobKey = ARGV[1] .. ARGV[i]
  local code, text = 0, ''
  if redis.call('EXISTS', jobKey) == 0 then
    code = -1
  elseif redis.call('ZSCORE', KEYS[1], ARGV[i]) then
    code, text = 1, redis.call('HGET', jobKey, 'returnvalue') or ''
  elseif redis.call('ZSCORE', KEYS[2], ARGV[i]) then
    code, text = 2, redis.call('HGET', jobKey, 'failedReason') or ''
  end
  ends[#ends + 1] = code
  ends[#ends + 1] = text
end
return ends
