--[[
  Finds active jobs whose lock expired, a chunk per call: one sweep over thousands would hold up the whole server.

  KEYS[1]  stalled        set     <prefix>:<queue>:stalled
  KEYS[2]  wait           list    …:wait
  KEYS[3]  active         list    …:active
  KEYS[4]  stalled-check  string  …:stalled-check
  KEYS[5]  meta           hash    …:meta
  KEYS[6]  marker         zset    …:marker
  KEYS[7]  events         stream  …:events
  KEYS[8]  repeat         zset    …:repeat
  ARGV[1]  job key prefix    ARGV[2]  now, ms    ARGV[3]  stalled interval, ms    ARGV[4]  max stalled count
  ARGV[5]  jobs per call     ARGV[6]  "1" if this call goes on with a check that the caller began

  Returns  { state, ids }  state: 0 another check is still valid, nothing done; 1 call again with ARGV[6] = "1"; 2 done
                           ids: jobs that went back to wait
  Events   per job: waiting with prev active, stalled
]]
local stalledKey, waitKey, activeKey, checkKey = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local metaKey, markerKey, eventsKey, repeatKey = KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local prefix, now, interval = ARGV[1], ARGV[2], ARGV[3]
local maxStalled, chunk = tonumber(ARGV[4]), tonumber(ARGV[5])

--- @include "queueState"
--- @include "events"
--- @include "markers"

if ARGV[6] ~= '1' then
  if not redis.call('SET', checkKey, now, 'PX', interval, 'NX') then return { 0, {} } end
  trimEvents(eventsKey, metaKey)
end

local recovered = {}
for _, id in ipairs(redis.call('SPOP', stalledKey, chunk)) do
  local jobKey = prefix .. id
  -- From the tail: who stalled was claimed long ago.
  if redis.call('EXISTS', jobKey .. ':lock') == 0 and redis.call('LREM', activeKey, -1, id) > 0 and
    -- A job that was removed while it was active has nothing to run: a count would make a hash of its ghost.
    redis.call('EXISTS', jobKey) == 1 then
    local values = redis.call('HMGET', jobKey, 'stc', 'stalledCounter', 'rjk')
    local count = math.max(tonumber(values[1]) or 0, tonumber(values[2]) or 0) + 1
    redis.call('HSET', jobKey, 'stc', count)
    if count > maxStalled then
      local scheduler = values[3]
      local scheduled = scheduler and (redis.call('EXISTS', prefix .. 'repeat:' .. scheduler) == 1 or
        redis.call('ZSCORE', repeatKey, scheduler))
      if not scheduled then redis.call('HSET', jobKey, 'defa', 'job stalled more than allowable limit') end
    end
    redis.call('RPUSH', waitKey, id)
    redis.call('XADD', eventsKey, '*', 'event', 'waiting', 'jobId', id, 'prev', 'active')
    redis.call('XADD', eventsKey, '*', 'event', 'stalled', 'jobId', id)
    recovered[#recovered + 1] = id
  end
end
if #recovered > 0 and not queueState(metaKey, activeKey) then markJob(markerKey) end
if redis.call('SCARD', stalledKey) > 0 then return { 1, recovered } end

-- Whoever does not renew its lock until the next check is stalled then.
local active = redis.call('LRANGE', activeKey, 0, -1)
for from = 1, #active, 1000 do
  redis.call('SADD', stalledKey, unpack(active, from, math.min(from + 999, #active)))
end
return { 2, recovered }
