--[[
  Adds n jobs, in order: standard, prioritized or delayed, with a parent or without, deduplicated or not.

  KEYS[1]  meta         hash    <prefix>:<queue>:meta
  KEYS[2]  id           string  …:id
  KEYS[3]  wait         list    …:wait
  KEYS[4]  delayed      zset    …:delayed
  KEYS[5]  prioritized  zset    …:prioritized
  KEYS[6]  marker       zset    …:marker
  KEYS[7]  events       stream  …:events
  KEYS[8]  pc           string  …:pc
  KEYS[9]  active       list    …:active
  KEYS[10] paused       list    …:paused
  ARGV[1]  job key prefix "<prefix>:<queue>:"
  ARGV[2]  "on", "auto", "seen" or "off": whether 5.x clients share the queue    ARGV[3]  now, ms
  ARGV[4]  how many adds happen once    ARGV[5…] six for each: key, fingerprint, time to live in ms, first and last job,
           "1" if only its record counts
  ARGV[…]  runs of jobs that have eight values in common: how many jobs, name, opts (stored JSON), timestamp ms, delay ms,
           priority, "1" for lifo, and the form of its jobs: "" for their data alone; "ends" for data, and the text that stands
           behind the opts of the run; "own" for data, opts, custom id or "", and how many further values a job has: names and
           values of parentKey and parent (JSON), of deduplication (its id) and ttl (ms), extend, replace, reschedule,
           keepLastIfActive ("1"), of scheduler (its id)

  Returns  { number before the id of the first job, answers, 1 if 5.x clients share the queue, else 0 }. The id of job n is that
           number plus n, unless `answers` has n and behind it another answer: its id; or { id of the job that stands for it,
           "duplicated": the custom id exists, or "deduplicated": it owns the deduplication id }; or a negative number: -5 its
           parent does not exist, -7 it exists as a child of another parent; or an error, if a key of the job has another type:
           then nothing of the job is stored. A job with -5 uses up no id. A job of an add that happened before: { id or number,
           "duplicated" or "deduplicated" or "", its timestamp }, or {} if its key belongs to another request
  Events   per job: added, then waiting or delayed; or duplicated; or deduplicated, and delayed if that moved the owner's due
           time; for an owner that is replaced removed and deduplicated before added
]]
--- @keys
keys.prefix = ARGV[1]
local prefix, bullmq5, now = ARGV[1], ARGV[2], tonumber(ARGV[3])
local first, width = 5 + 6 * tonumber(ARGV[4]), 8

--- @include "safely"
--- @include "events"
--- @include "markers"
--- @include "scores"
--- @include "queueState"
--- @include "writeRecord"

-- Makes the function that adds a job with options. Each function of a script costs every call of it; plain jobs need none here.
local function makeAddJob()
--- @include "addJob"
  return addJob
end

-- A key of another type ends the script here, before anything is written. The adds do not change what is read.
local queue = readQueue(keys, bullmq5)
redis.call('XLEN', keys.events)
redis.call('LLEN', queue.ready)
redis.call('ZCARD', keys.delayed)
redis.call('ZCARD', keys.prioritized)
redis.call('ZCARD', keys.marker)

-- `own`: the jobs with values of their own, by number.
local runs, own, count, anyParent = {}, {}, 0, false
local at, last = first, #ARGV
while at <= last do
  local run = {
    before = count, size = tonumber(ARGV[at]), name = ARGV[at + 1], opts = ARGV[at + 2], timestamp = ARGV[at + 3],
    delay = ARGV[at + 4], priority = ARGV[at + 5], lifo = ARGV[at + 6] == '1', at = at + width,
    step = ARGV[at + 7] == 'ends' and 2 or 1,
  }
  local areOwn = ARGV[at + 7] == 'own'
  runs[#runs + 1] = run
  count, at = count + run.size, at + width
  if areOwn then
    for n = run.before + 1, count do
      local job = { data = ARGV[at], opts = ARGV[at + 1], customId = ARGV[at + 2] ~= '' and ARGV[at + 2] }
      local more = tonumber(ARGV[at + 3])
      for name = at + 4, at + 3 + more, 2 do job[ARGV[name]] = ARGV[name + 1] end
      at = at + 4 + more
      job.hasOptions = more > 0
      own[n] = job
      anyParent = anyParent or job.parentKey ~= nil
    end
  else
    at = at + run.size * run.step
  end
end
local ids, recordOnces = {}, nil
if ARGV[4] ~= '0' then
--- @include "once"
  local adds, recall = {}, nil
  for from = 5, first - 6, 6 do
    adds[#adds + 1] = {
      key = prefix .. 'drover:once:' .. ARGV[from], fingerprint = ARGV[from + 1], ttl = ARGV[from + 2],
      first = tonumber(ARGV[from + 3]), last = tonumber(ARGV[from + 4]), recallOnly = ARGV[from + 5] == '1',
    }
  end
  local timestamps = {}
  for _, run in ipairs(runs) do
    for n = run.before + 1, run.before + run.size do timestamps[n] = run.timestamp end
  end
  recall, recordOnces = addsOnce(adds, ids, function(n) return timestamps[n] end)
  recall()
end
-- A job without its parent uses up no id, and its parent may be among the jobs before it. A job of before needs none.
local oneByOne = anyParent or recordOnces
local base = oneByOne and 0 or redis.call('INCRBY', keys.id, count) - count
local left, right = {}, {}
local runnable, delayedAny = false, false

local function push(id, lifo)
  local side = lifo and right or left
  side[#side + 1] = id
end

local addJob
-- Adds a job with further values, or with a custom id that exists.
local function addWithOptions(n, run, job, newId)
  job.name, job.timestamp, job.delay, job.priority, job.lifo = run.name, run.timestamp, run.delay, run.priority, run.lifo
  addJob = addJob or makeAddJob()
  local id, how, ready, delayed = addJob(keys, queue, job, newId, now, bullmq5, push)
  ids[n] = how and { id, how } or id
  runnable, delayedAny = runnable or ready, delayedAny or delayed
end

local stored  -- The id of the present job of each(), once anything of the job is written here.
for _, run in ipairs(runs) do
  local before, step, firstAt = run.before, run.step, run.at
  local name, timestamp, delay, priority = run.name, run.timestamp, tonumber(run.delay), tonumber(run.priority)
  local side = run.lifo and right or left
  each(run.size, function(i)
    stored = nil
    local n = before + i
    if ids[n] then return end
    local job = own[n]
    if job and job.parentKey and redis.call('EXISTS', job.parentKey) == 0 then
      ids[n] = -5
      return
    end
    local id = string.format('%d', oneByOne and redis.call('INCR', keys.id) or base + n)
    if job then
      if job.hasOptions or job.customId and redis.call('EXISTS', prefix .. job.customId) == 1 then
        addWithOptions(n, run, job, id)
        return
      end
      id = job.customId or id
    end
    local place = firstAt + (i - 1) * step
    local opts = job and job.opts or step == 2 and run.opts .. ARGV[place + 1] or run.opts
    writeRecord(prefix .. id, name, job and job.data or ARGV[place], opts, timestamp, run.delay, run.priority)
    stored = id
    redis.call('XADD', keys.events, '*', 'event', 'added', 'jobId', id, 'name', name)
    if delay > 0 then
      delayJob(keys, id, tonumber(timestamp) + delay)
      delayedAny = true
    else
      if priority > 0 then redis.call('ZADD', keys.prioritized, priorityScore(keys.pc, priority), id) end
      redis.call('XADD', keys.events, '*', 'event', 'waiting', 'jobId', id)
      if priority <= 0 then side[#side + 1] = id end
      runnable = true
    end
    if job or oneByOne then ids[n] = id end
  end, function(i, why)
    ids[before + i] = { err = why }
    if not stored then return end
    leaveStates(keys, stored)
    redis.pcall('DEL', prefix .. stored)
  end)
end

-- The two ends of the list do not meet, so both orders last. Slices: Lua's stack bounds the values of one call.
for from = 1, #left, 1000 do
  surely('LPUSH', queue.ready, unpack(left, from, math.min(from + 999, #left)))
end
for from = 1, #right, 1000 do
  surely('RPUSH', queue.ready, unpack(right, from, math.min(from + 999, #right)))
end
if runnable and not queue.closed then pcall(markJob, keys.marker) end
if delayedAny then pcall(markDelayed, keys.marker, keys.delayed) end
pcall(trimEvents, keys.events, keys.meta)
if recordOnces then recordOnces() end
local answers = {}
for n = 1, count do
  if ids[n] then
    answers[#answers + 1] = n
    answers[#answers + 1] = ids[n]
  end
end
return { base, answers, queue.five and 1 or 0 }
