--[[
  Lets n active jobs sleep until their children are done.

  KEYS[1]  active            list    <prefix>:<queue>:active
  KEYS[2]  waiting-children  zset    …:waiting-children
  KEYS[3]  events            stream  …:events
  KEYS[4]  stalled           set     …:stalled
  KEYS[5]  meta              hash    …:meta
  ARGV[1]  job key prefix    ARGV[2]  now, ms
  ARGV[3…] pairs: job id, lock token

  Returns  one code per job: 0 done, 1 it has no child that is pending (nothing moved), -1 no hash, -9 a child failed,
           -2 no lock, -6 another worker's lock, -3 not active
  Events   per job: waiting-children with prev active
]]
local activeKey, waitingChildrenKey, eventsKey, stalledKey, metaKey = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local prefix, now = ARGV[1], ARGV[2]

--- @include "events"
--- @include "locks"

local codes = {}
for at = 3, #ARGV, 2 do
  local id, token = ARGV[at], ARGV[at + 1]
  local jobKey = prefix .. id
  local code
  if redis.call('EXISTS', jobKey) == 0 then
    code = -1
  elseif redis.call('ZCARD', jobKey .. ':unsuccessful') > 0 then
    code = -9
  elseif redis.call('SCARD', jobKey .. ':dependencies') == 0 then
    code = 1
  else
    code = releaseLock(jobKey, stalledKey, id, token)
    if code == 0 and redis.call('LREM', activeKey, -1, id) == 0 then code = -3 end
  end
  if code == 0 then
    redis.call('ZADD', waitingChildrenKey, now, id)
    redis.call('XADD', eventsKey, '*', 'event', 'waiting-children', 'jobId', id, 'prev', 'active')
  end
  codes[#codes + 1] = code
end
trimEvents(eventsKey, metaKey)
return codes
