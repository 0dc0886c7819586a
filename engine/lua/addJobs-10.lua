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
  ARGV[4]  how many adds happen once    ARGV[5…] five for each: key, fingerprint, time to live in ms, first and last job
  ARGV[…]  per job nine and what follows: name, data, opts (stored JSON), timestamp ms, delay ms, priority, custom id or "",
           "1" for lifo, and how many further ones the job has: names and values of parentKey and parent (JSON), of
           deduplication (its id) and ttl (ms), extend, replace, reschedule, keepLastIfActive ("1"), of scheduler (its id)

  Returns  per job its id; or { id of the job that stands for it, "duplicated": the custom id exists, or "deduplicated": it owns
           the deduplication id }; or a negative number: -5 its parent does not exist, -7 it exists as a child of another
           parent; or an error, if a key of the job has another type: then nothing of the job is stored. A job with -5 uses
           up no id. A job of an add that happened before: { id or number, "duplicated" or "deduplicated" or "", its
           timestamp }, or {} if its key belongs to another request. After them 1 if 5.x clients share the queue, else 0
  Events   per job: added, then waiting or delayed; or duplicated; or deduplicated, and delayed if that moved the owner's due
           time; for an owner that is replaced removed and deduplicated before added
]]
--- @keys
keys.prefix = ARGV[1]
local prefix, bullmq5, now = ARGV[1], ARGV[2], tonumber(ARGV[3])
local first, width = 5 + 5 * tonumber(ARGV[4]), 9

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

-- `places`: where each job begins; `further`: the named values of the jobs that have any.
local places, further, count, anyParent = {}, {}, 0, false
local at, last = first, #ARGV
while at <= last do
  count = count + 1
  places[count] = at
  local more = ARGV[at + width - 1]
  at = at + width
  if more ~= '0' then
    local job = {}
    for name = at, at + tonumber(more) - 1, 2 do job[ARGV[name]] = ARGV[name + 1] end
    at = at + tonumber(more)
    further[count] = job
    anyParent = anyParent or job.parentKey ~= nil
  end
end
local ids, recordOnces = {}, nil
if ARGV[4] ~= '0' then
--- @include "once"
  local adds, recall = {}, nil
  for from = 5, first - 5, 5 do
    adds[#adds + 1] = {
      key = prefix .. 'drover:once:' .. ARGV[from], fingerprint = ARGV[from + 1], ttl = ARGV[from + 2],
      first = tonumber(ARGV[from + 3]), last = tonumber(ARGV[from + 4]),
    }
  end
  recall, recordOnces = addsOnce(adds, ids, function(n) return ARGV[places[n] + 3] end)
  recall()
end
-- A job without its parent uses up no id, and its parent may be among the jobs before it. A job of before needs none.
local oneByOne = anyParent or recordOnces
local lastId = not oneByOne and redis.call('INCRBY', keys.id, count) - count
local function drawId()
  lastId = oneByOne and redis.call('INCR', keys.id) or lastId + 1
  return string.format('%.0f', lastId)
end
local left, right = {}, {}
local runnable, delayedAny = false, false

local function push(id, lifo)
  local side = lifo and right or left
  side[#side + 1] = id
end

local addJob
-- Adds a job with further values, or with a custom id that exists.
local function addWithOptions(n, job, newId)
  local from = places[n]
  job.name, job.data, job.opts = ARGV[from], ARGV[from + 1], ARGV[from + 2]
  job.timestamp, job.delay, job.priority = ARGV[from + 3], ARGV[from + 4], ARGV[from + 5]
  job.customId, job.lifo = ARGV[from + 6] ~= '' and ARGV[from + 6], ARGV[from + 7] == '1'
  addJob = addJob or makeAddJob()
  local id, how, ready, delayed = addJob(keys, queue, job, newId, now, bullmq5, push)
  ids[n] = how and { id, how } or id
  runnable, delayedAny = runnable or ready, delayedAny or delayed
end

local stored  -- The id of the present job of each(), once anything of the job is written here.
each(count, function(n)
  stored = nil
  if ids[n] then return end
  local from, job = places[n], further[n]
  if job and job.parentKey and redis.call('EXISTS', job.parentKey) == 0 then
    ids[n] = -5
    return
  end
  local newId, id = drawId(), ARGV[from + 6]
  if job or id ~= '' and redis.call('EXISTS', prefix .. id) == 1 then
    addWithOptions(n, job or {}, newId)
    return
  end
  if id == '' then id = newId end
  local name, timestamp, delay, priority = ARGV[from], ARGV[from + 3], tonumber(ARGV[from + 4]), tonumber(ARGV[from + 5])
  writeRecord(prefix .. id, name, ARGV[from + 1], ARGV[from + 2], timestamp, ARGV[from + 4], ARGV[from + 5])
  stored = id
  redis.call('XADD', keys.events, '*', 'event', 'added', 'jobId', id, 'name', name)
  if delay > 0 then
    delayJob(keys, id, tonumber(timestamp) + delay)
    delayedAny = true
  else
    if priority > 0 then redis.call('ZADD', keys.prioritized, priorityScore(keys.pc, priority), id) end
    redis.call('XADD', keys.events, '*', 'event', 'waiting', 'jobId', id)
    if priority <= 0 then push(id, ARGV[from + 7] == '1') end
    runnable = true
  end
  ids[n] = id
end, function(n, why)
  ids[n] = { err = why }
  if not stored then return end
  leaveStates(keys, stored)
  redis.pcall('DEL', prefix .. stored)
end)

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
ids[count + 1] = queue.five and 1 or 0
return ids
