--[[
  Reads records of schedulers.

  KEYS[1]  repeat  zset  <prefix>:<queue>:repeat
  ARGV[1]  job key prefix    ARGV[2]  "id", "soonest" or "latest"
  ARGV[3]  id: of the scheduler; else first and ARGV[4] last position by next run, from that end

  Returns  { { scheduler id, next run in ms, the record as HGETALL has it, opts of the pending job or "" }, … }. The opts are
           read for records with both kinds alone. A member without a record is left out.
  Events   none
]]
local prefix, order = ARGV[1], ARGV[2]
local members
if order == 'id' then
  members = { ARGV[3], redis.call('ZSCORE', KEYS[1], ARGV[3]) or nil }
else
  members = redis.call(order == 'latest' and 'ZREVRANGE' or 'ZRANGE', KEYS[1], ARGV[3], ARGV[4], 'WITHSCORES')
end
local found = {}
for i = 1, #members - 1, 2 do
  local id, score = members[i], members[i + 1]
  local recordKey = prefix .. 'repeat:' .. id
  local record = redis.pcall('HGETALL', recordKey)
  if not record.err and #record > 0 then
    local opts
    local kinds = redis.call('HMGET', recordKey, 'every', 'pattern')
    if kinds[1] and kinds[2] then
      opts = redis.pcall('HGET', recordKey .. ':' .. string.format('%.0f', tonumber(score)), 'opts')
    end
    found[#found + 1] = { id, score, record, type(opts) == 'string' and opts or '' }
  end
end
return found
