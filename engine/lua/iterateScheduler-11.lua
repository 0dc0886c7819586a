--[[
  Makes the next job of a scheduler, for a worker that has just claimed the present one. Two calls for the same job make
  one next job.

  KEYS[1]  wait         list    <prefix>:<queue>:wait
  KEYS[2]  paused       list    …:paused
  KEYS[3]  active       list    …:active
  KEYS[4]  prioritized  zset    …:prioritized
  KEYS[5]  delayed      zset    …:delayed
  KEYS[6]  events       stream  …:events
  KEYS[7]  meta         hash    …:meta
  KEYS[8]  marker       zset    …:marker
  KEYS[9]  pc           string  …:pc
  KEYS[10] id           string  …:id
  KEYS[11] repeat       zset    …:repeat
  ARGV[1]  job key prefix    ARGV[2]  "on", "auto", "seen" or "off": whether 5.x clients share the queue    ARGV[3]  now, ms
  ARGV[4]  scheduler id    ARGV[5]  id of the job that was claimed
  ARGV[6]  its kind: "every" or "pattern"
  ARGV[7]  its opts.repeat.every, ms, or ""    ARGV[8]  its opts.repeat.offset, ms, or ""
  ARGV[9]  its opts.prevMillis or ""    ARGV[10]  the pattern's next run, ms, or "": there is none
  ARGV[11] opts.repeat of the next job, without offset, with a member or more
  ARGV[12] 'repeat:<scheduler id>:' in JSON, with the opening quote alone
  ARGV[13…21] the next job as for addJobs, without further values, its opts with a member or more and without jobId, delay, timestamp, prevMillis,
           repeat. Its name, delay and custom id are not used, and its data only if the record has none

  Returns  { code, id of the next job or "" }: 1 made; 0 nothing to do: the scheduler is gone, has another next run, or the
           pattern has none; 2 a job of that id exists already: the scheduler does not go on; -1 a repeatable job of 5.x
           without a scheduler's record
  Events   added, then waiting or delayed; or duplicated
]]
--- @keys
keys.prefix = ARGV[1]
local idKey, repeatKey = keys.id, keys['repeat']
local now, scheduler, claimedId, jobKind = tonumber(ARGV[3]), ARGV[4], ARGV[5], ARGV[6]
local jobEvery, jobOffset, prevMillis, nextByPattern = tonumber(ARGV[7]), ARGV[8], ARGV[9], tonumber(ARGV[10])
local data, timestamp = ARGV[14], ARGV[16]

--- @include "safely"
--- @include "events"
--- @include "markers"
--- @include "scores"
--- @include "queueState"
--- @include "storeJob"
--- @include "schedulers"

local previous = tonumber(redis.call('ZSCORE', repeatKey, scheduler))
if not previous then return { 0, '' } end
local recordKey = keys.prefix .. 'repeat:' .. scheduler
local record = redis.call('HMGET', recordKey, 'ic', 'name', 'data', 'every', 'pattern', 'offset')
if not record[1] then return { -1, '' } end
local idStart = 'repeat:' .. scheduler .. ':'
if claimedId ~= idStart .. string.format('%.0f', previous) then return { 0, '' } end

-- A record of 5.48 retains the members of an earlier kind: the job's own opts decide.
local every = tonumber(record[4]) or jobEvery
if jobKind == 'pattern' and record[5] or every == 0 then every = nil end

local queue = readQueueForRun(keys, ARGV[2])
local offset = tonumber(record[6]) or 0
local due = nextByPattern
if every then
  local late = lateness(queue, previous, every, prevMillis, jobOffset)
  due = runAfter(previous + late, every, late > 0 and late or offset, now)
  if late > 0 then
    offset = late
    redis.call('HSET', recordKey, 'offset', string.format('%.0f', due % every))
  end
end
if not due then return { 0, '' } end

local dueText = string.format('%.0f', due)
local id = idStart .. dueText
if redis.call('EXISTS', keys.prefix .. id) == 1 then
  redis.call('XADD', keys.events, '*', 'event', 'duplicated', 'jobId', id)
  trimEvents(keys.events, keys.meta)
  return { 2, id }
end

local shared = every and queue.five
if shared then jobOffset = string.format('%.0f', (offset > 0 and offset or due) % every) end
local delay = string.format('%.0f', math.max(due - now, 0))
local opts = runOptions(ARGV[15], ARGV[11], jobOffset, ARGV[12], dueText, delay, timestamp, shared or not every)

redis.call('INCR', idKey)
-- The job first: if that fails, the scheduler stays as it is, and the next call tries again.
local runnable = storeJob(keys, queue, {
  id = id, name = record[2] or scheduler, data = record[3] or data, opts = opts, timestamp = timestamp, delay = delay,
  priority = ARGV[18], lifo = ARGV[20] == '1', scheduler = scheduler,
})
surely('ZADD', repeatKey, dueText, scheduler)
redis.pcall('HSET', recordKey, 'ic', string.format('%.0f', (tonumber(record[1]) or 0) + 1))
-- Clients up to about 5.30 stored no data with the scheduler, and 5.81.5 leaves out {}: the job's data stand in.
if not record[3] then redis.pcall('HSET', recordKey, 'data', data) end
announceRun(keys, queue, runnable)
return { 1, id }
