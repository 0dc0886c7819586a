--[[
  Finds active jobs whose lock expired, a chunk per call: one sweep over thousands would hold up the whole server
  (docs/pitfalls.md#r3).

  KEYS[1]  stalled        set     <prefix>:<queue>:stalled
  KEYS[2]  wait           list    …:wait
  KEYS[3]  active         list    …:active
  KEYS[4]  stalled-check  string  …:stalled-check
  KEYS[5]  meta           hash    …:meta
  KEYS[6]  marker         zset    …:marker
  KEYS[7]  events         stream  …:events
  KEYS[8]  repeat         zset    …:repeat
  KEYS[9]  paused         list    …:paused
  ARGV[1]  job key prefix    ARGV[2]  now, ms    ARGV[3]  stalled interval, ms    ARGV[4]  max stalled count
  ARGV[5]  jobs per call     ARGV[6]  "1" if this call goes on with a check that the caller began
  ARGV[7]  "on", "auto", "seen" or "off": whether 5.x clients share the queue

  Returns  { state, ids, five, problems }
           state: 0 another check is still valid; 1 call again with ARGV[6] = "1"; 2 done
           ids: jobs that went back to wait    five: 1 if 5.x clients share the queue
           problems: id, text, id, text, … of jobs that failed here or were set aside (includes/safely)
  Events   per job: waiting with prev active, stalled; or failed
]]
--- @keys
keys.prefix = ARGV[1]
keys.pc = ARGV[1] .. 'pc'
keys.id = ARGV[1] .. 'id'
keys.failed = ARGV[1] .. 'failed'
keys.completed = ARGV[1] .. 'completed'
keys.delayed = ARGV[1] .. 'delayed'
keys.prioritized = ARGV[1] .. 'prioritized'
local checkKey, repeatKey = keys.stalledCheck, keys['repeat']
local prefix, now, interval = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local maxStalled, chunk, bullmq5 = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[7]

--- @include "safely"
--- @include "events"
--- @include "markers"
--- @include "scores"
--- @include "queueState"
--- @include "jobKeys"
--- @include "storeJob"
--- @include "deduplication"
--- @include "parents"
--- @include "retention"
--- @include "failing"

-- A key of another type ends the script here, where every job is in one state.
redis.call('XLEN', keys.events)
redis.call('LLEN', keys.active)
redis.call('SCARD', keys.stalled)
redis.call('ZCARD', keys.failed)
redis.call('ZCARD', keys.completed)
redis.call('ZCARD', keys.marker)
local queue = readQueue(keys, bullmq5)
redis.call('LLEN', queue.ready)
local recovered, five = {}, queue.five and 1 or 0
if ARGV[6] ~= '1' then
  if not redis.call('SET', checkKey, ARGV[2], 'PX', interval, 'NX') then return { 0, {}, five, {} } end
  pcall(trimEvents, keys.events, keys.meta)
end

-- Returns a true value for an active job that is in a finished set as well: 5.48.1 leaves such jobs in active
-- (docs/wire-format.md#v9).
local function isFinished(id, finishedOn)
  return finishedOn and (redis.call('ZSCORE', keys.failed, id) or redis.call('ZSCORE', keys.completed, id))
end

local reason = 'job stalled more than allowable limit'
local suspects = redis.call('SPOP', keys.stalled, chunk)
each(#suspects, function(n)
  local id = suspects[n]
  local jobKey = prefix .. id
  if redis.call('EXISTS', jobKey .. ':lock') == 1 then return end
  local values = redis.pcall('HMGET', jobKey, 'stc', 'stalledCounter', 'rjk', 'finishedOn')
  -- From the tail, where the oldest claims are.
  if redis.call('LREM', keys.active, -1, id) == 0 then return end
  if values.err then error(values.err, 0) end
  -- A job that was removed while it was active has no hash. A count would make one again, without name and data.
  if redis.call('EXISTS', jobKey) == 0 or isFinished(id, values[4]) then return end
  local count = math.max(tonumber(values[1]) or 0, tonumber(values[2]) or 0) + 1
  local countText = string.format('%.0f', count)
  redis.call('HSET', jobKey, 'stc', countText)
  if queue.five then redis.call('HSET', jobKey, 'stalledCounter', countText) end
  local scheduler = values[3]
  local excess = count > maxStalled and not (scheduler and
    (redis.call('EXISTS', prefix .. 'repeat:' .. scheduler) == 1 or redis.call('ZSCORE', repeatKey, scheduler)))
  if excess and queue.runsFailed then
    -- A 5.48.1 worker would run a job that is to be failed unrun (docs/wire-format.md#v7).
    failJob(keys, id, reason, 'active', now, bullmq5)
    return
  end
  if excess then redis.call('HSET', jobKey, 'defa', reason) end
  redis.call('RPUSH', queue.ready, id)
  redis.call('XADD', keys.events, '*', 'event', 'waiting', 'jobId', id, 'prev', 'active')
  redis.call('XADD', keys.events, '*', 'event', 'stalled', 'jobId', id)
  recovered[#recovered + 1] = id
end, function(n, why) setAside(keys, suspects[n], 'it stalled, and could not go back to wait: ' .. why, now) end)
if #recovered > 0 and not readQueue(keys, bullmq5).closed then pcall(markJob, keys.marker) end
if redis.call('SCARD', keys.stalled) > 0 then return { 1, recovered, five, problems } end

-- The next check finds stalled what is in this set until then: a renewal of a lock removes its job.
local active = redis.call('LRANGE', keys.active, 0, -1)
for from = 1, #active, 1000 do
  redis.call('SADD', keys.stalled, unpack(active, from, math.min(from + 999, #active)))
end
return { 2, recovered, five, problems }
