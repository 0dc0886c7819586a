--[[
  Adds a scheduler or changes it: rewrites its record, and replaces its pending job. A job that is no longer pending stays.

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
  ARGV[4]  scheduler id    ARGV[5]  every, ms, or "": by a pattern    ARGV[6]  the pattern's next run, ms, or ""
  ARGV[7]  offset, ms, or ""    ARGV[8]  first run, ms, or ""
  ARGV[9]  opts.repeat of the job, without offset, with a member or more
  ARGV[10] 'repeat:<scheduler id>:' in JSON, with the opening quote alone
  ARGV[11] the number of the next arguments    ARGV[12…] field, value, … of the record, without offset and ic
  Then     the job as for addJobs, its opts with a member or more and without jobId, delay, timestamp, prevMillis, repeat;
           its delay and custom id are not used

  Returns  { code, job id, its run in ms }: 1 done; -10 the pattern's next run has a job already; -11 so have the next run
           and the 32 after it. After a negative code nothing has changed.
  Events   added, then waiting or delayed; none for the job that is replaced
]]
--- @keys
keys.prefix = ARGV[1]
local repeatKey = keys['repeat']
local now, scheduler, every = tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
local offset, first = tonumber(ARGV[7]) or 0, tonumber(ARGV[8])
local fieldsEnd = 11 + tonumber(ARGV[11])
local name, data, opts, timestamp, _, priority, _, lifo = unpack(ARGV, fieldsEnd + 1)

--- @include "safely"
--- @include "events"
--- @include "markers"
--- @include "scores"
--- @include "queueState"
--- @include "removeJob"
--- @include "storeJob"
--- @include "schedulers"

local idStart = 'repeat:' .. scheduler .. ':'
local recordKey = keys.prefix .. 'repeat:' .. scheduler
local previous = tonumber(redis.call('ZSCORE', repeatKey, scheduler))
local record = redis.call('HMGET', recordKey, 'every', 'offset', 'ic')
local queue = readQueueForRun(keys, ARGV[2])

-- Returns true if the job waits, and no worker has claimed it.
local function isPending(id)
  for _, set in ipairs({ keys.delayed, keys.prioritized }) do
    if redis.call('ZSCORE', set, id) then return true end
  end
  for _, list in ipairs({ keys.wait, keys.paused }) do
    if redis.call('LPOS', list, id) then return true end
  end
  return false
end

local pendingId, pendingOpts, replaced
if previous then
  pendingId = idStart .. string.format('%.0f', previous)
  pendingOpts = redis.call('HGET', keys.prefix .. pendingId, 'opts')
  replaced = pendingOpts and isPending(pendingId)
end

-- Returns by how much the pending job is later than its id names.
local function latenessOfPending()
  local known, options = pcall(cjson.decode, pendingOpts or '{}')
  if not known or type(options) ~= 'table' then return 0 end
  local repetition = options['repeat']
  return lateness(queue, previous, every, options.prevMillis, type(repetition) == 'table' and repetition.offset)
end

local unchanged = every and previous and tonumber(record[1]) == every
local due
if not every then
  due = tonumber(ARGV[6])
elseif unchanged then
  local from = previous + latenessOfPending()
  due = replaced and from or runAfter(from, every, offset, now)
elseif first then
  due = math.max(first, now)
elseif offset > 0 then
  due = now - now % every + offset
  if due <= now then due = due + every end
else
  due = now
end

local id
for slot = 0, every and 32 or 0 do
  id = idStart .. string.format('%.0f', due + slot * (every or 0))
  if replaced and id == pendingId or redis.call('EXISTS', keys.prefix .. id) == 0 then
    due = due + slot * (every or 0)
    break
  end
  if not every then return { -10, id, '' } end
  if slot == 32 then return { -11, id, '' } end
end
if offset <= 0 then
  offset = 0
  if every then offset = unchanged and replaced and tonumber(record[2]) or due % every end
end

local dueText = string.format('%.0f', due)
local delay = string.format('%.0f', math.max(due - now, 0))
local shared = every and queue.five
local jobOffset = shared and string.format('%.0f', (offset > 0 and offset or due) % every) or ARGV[7]
opts = runOptions(opts, ARGV[9], jobOffset, ARGV[10], dueText, delay, timestamp, shared or not every)

redis.call('INCR', keys.id)
if replaced then removeJob(keys, pendingId, ARGV[2], true) end
local runnable = storeJob(keys, queue, {
  id = id, name = name, data = data, opts = opts, timestamp = timestamp, delay = delay, priority = priority, lifo = lifo == '1',
  scheduler = scheduler,
})
surely('ZADD', repeatKey, dueText, scheduler)
surely('DEL', recordKey)
surely('HSET', recordKey, 'ic', record[3] or '1', 'offset', string.format('%.0f', offset), unpack(ARGV, 12, fieldsEnd))
announceRun(keys, queue, runnable)
return { 1, id, dueText }
