--[[
  Counts the reasons of a page of failed jobs, the latest first.

  KEYS[1]  failed  zset  <prefix>:<queue>:failed
  ARGV[1]  "<prefix>:<queue>:"
  ARGV[2]  first place    ARGV[3]  the most jobs
  ARGV[4]  bytes of a reason that count; a longer one is cut

  Returns  length of the state, jobs seen, then for each reason: text, count, id of the latest job, the time of its end, ms
  Events   none
]]
local first, most, bytes = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local members = redis.call('ZREVRANGE', KEYS[1], first, first + most - 1, 'WITHSCORES')
local summary, places = { redis.call('ZCARD', KEYS[1]), #members / 2 }, {}
for i = 1, #members, 2 do
  -- A key of another type, or of no job, has no reason.
  local reason = redis.pcall('HGET', ARGV[1] .. members[i], 'failedReason')
  if type(reason) ~= 'string' then reason = '' end
  if #reason > bytes then
    -- Not in the middle of a character of UTF-8.
    reason = reason:sub(1, bytes):gsub('[\192-\255][\128-\191]*$', '')
  end
  local at = places[reason]
  if at then
    summary[at + 1] = summary[at + 1] + 1
  else
    places[reason] = #summary + 1
    summary[#summary + 1] = reason
    summary[#summary + 1] = 1
    summary[#summary + 1] = members[i]
    summary[#summary + 1] = members[i + 1]
  end
end
return summary
