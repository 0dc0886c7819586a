--[[
  One step of a worker: finishes jobs, promotes delayed jobs that are due, claims new ones.

  KEYS[1]  wait         list    <prefix>:<queue>:wait
  KEYS[2]  active       list    …:active
  KEYS[3]  prioritized  zset    …:prioritized
  KEYS[4]  delayed      zset    …:delayed
  KEYS[5]  completed    zset    …:completed
  KEYS[6]  failed       zset    …:failed
  KEYS[7]  events       stream  …:events
  KEYS[8]  meta         hash    …:meta
  KEYS[9]  marker       zset    …:marker
  KEYS[10] limiter      string  …:limiter
  KEYS[11] pc           string  …:pc
  KEYS[12] stalled      set     …:stalled
  KEYS[13] paused       list    …:paused
  KEYS[14] id           string  …:id
  ARGV[1]  job key prefix    ARGV[2]  now, ms    ARGV[3]  lock token of this claim    ARGV[4]  lock duration, ms
  ARGV[5]  most jobs to claim; 0: none    ARGV[6]  worker name or ""
  ARGV[7]  limiter max or ""    ARGV[8]  limiter duration, ms, or ""
  ARGV[9]  "on", "auto" or "off": whether 5.x clients share the queue    ARGV[10] most data points of metrics; 0: none
  ARGV[11] bytes of jobs that are enough: no further job is claimed then; 0: no such bound. One job is always claimed.
  ARGV[12] number of job names that are served; 0: all    ARGV[13…] those names
  then     number of runs: jobs to finish, one after the other, that have much in common
  then     per run ten: lock token, "completed" or "failed", keep count (-1: all), keep age in s (-1: none), keep limit,
           attempts allowed, attempts made (this one included), deduplication id or "", value of `id` when it was claimed
           or "" if it had a parent then, and how many jobs; then per job its id and its return value (JSON), or id,
           reason and stack trace (JSON array) if it failed

  Jobs of a name that is not served, unless they are to be failed, go to delayed without a claim: 1 s, doubling to 60 s.
  Field drover:unserved of their hash counts how often.

  Returns  { codes, jobs, ttl, next, five, id, unserved, more, problems }
           codes: one per job to finish: 0 done; -1 no hash, -2 no lock, -6 another worker's lock, -3 not active,
                  -4 children pending, -9 children failed; empty if all are done
           jobs:  six per job: id, name, data, opts, timestamp ("" for what its hash lacks), and the other fields
                  with their values before this claim as a list of pairs. A name or opts of false are those of the job
                  before; pairs of false are none but delay and priority of 0. What every job has would double the reply.
           ttl:   ms for which the rate limiter is closed; 0: it is not
           next:  due time in ms of the earliest delayed job if nothing was claimed; 0: none
           five:  1 if the claim saw that 5.x clients share the queue, 2 if it is paused as well
           id:    the counter, as text; false if there is none
           unserved: pairs of a name and how many of its jobs went to delayed; false: none did
           more:  1 if the claim stopped before it had as many jobs as it may, and others are there
           problems: id, text, id, text, … of jobs that could not go on; they are failed now, or set aside
                  (includes/safely). An id of "" stands for the queue. Left out if there are none
  Events   completed or failed (and retries-exhausted), waiting, delayed, added, active, drained; those of a released
           parent in its own queue's stream
]]
local keys = {
  wait = KEYS[1], active = KEYS[2], prioritized = KEYS[3], delayed = KEYS[4], completed = KEYS[5], failed = KEYS[6],
  events = KEYS[7], meta = KEYS[8], marker = KEYS[9], limiter = KEYS[10], pc = KEYS[11], stalled = KEYS[12],
  paused = KEYS[13], id = KEYS[14], prefix = ARGV[1],
}
local prefix, now, token, lockDuration = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
-- Redis prints a Lua number with printf for each use as an argument: text that is at hand stays text.
local nowText = ARGV[2]
local claimMax, workerName = tonumber(ARGV[5]), ARGV[6]
local workerMax, workerDuration = tonumber(ARGV[7]), tonumber(ARGV[8])
local bullmq5, maxDataPoints = ARGV[9], tonumber(ARGV[10])
local mostBytes, servedCount = tonumber(ARGV[11]), tonumber(ARGV[12])
local runsAt = 13 + servedCount
if mostBytes == 0 then mostBytes = math.huge end

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
--- @include "metrics"
--- @include "promoteDelayed"

local call = redis.call
local codes, finished = {}, 0
-- Every add counts it up, whatever becomes of the add.
local counter = call('GET', keys.id)

-- The jobs to finish: their ids, where in ARGV their value is, and their run.
local function readRuns()
  local ids, valueAt, runOf = {}, {}, {}
  local count, at = 0, runsAt + 1
  for _ = 1, tonumber(ARGV[runsAt]) do
    local run = {
      token = ARGV[at], target = ARGV[at + 1], keepCount = tonumber(ARGV[at + 2]), keepAge = tonumber(ARGV[at + 3]),
      keepLimit = tonumber(ARGV[at + 4]), attempts = tonumber(ARGV[at + 5]), made = ARGV[at + 6],
      deduplication = ARGV[at + 7],
      -- Only an add gives a job that is active a parent.
      unchanged = ARGV[at + 8] == counter,
    }
    run.completed = run.target == 'completed'
    local last, width = count + tonumber(ARGV[at + 9]), run.completed and 2 or 3
    at = at + 10
    for n = count + 1, last do
      ids[n], valueAt[n], runOf[n] = ARGV[at], at + 1, run
      at = at + width
    end
    count = last
  end
  return ids, valueAt, runOf
end

-- Takes jobs with code 0 off the active list; what is not there gets -3. The oldest active jobs finish first, mostly:
-- those at the list's tail leave it at once, others one by one.
local function leaveActive(ids)
  local count = #ids
  local tail = call('LRANGE', keys.active, -count, -1)
  local last, inOrder = #tail, 0
  while inOrder < count and codes[inOrder + 1] == 0 and tail[last - inOrder] == ids[inOrder + 1] do inOrder = inOrder + 1 end
  local leaving, ending, left = inOrder, {}, {}
  if inOrder < count then
    for n = inOrder + 1, count do
      if codes[n] == 0 then ending[ids[n]] = true end
    end
    for at = last - inOrder, 1, -1 do
      local id = tail[at]
      if not ending[id] or left[id] then break end
      left[id] = true
      leaving = leaving + 1
    end
  end
  if leaving > 0 then surely('LTRIM', keys.active, 0, -leaving - 1) end
  for n = inOrder + 1, count do
    local id = ids[n]
    if codes[n] == 0 then
      if left[id] then
        left[id] = nil
      elseif surely('LREM', keys.active, -1, id) == 0 then
        codes[n] = -3
      end
    end
  end
end

-- Ends the jobs of the arguments. Everything about a job is checked before anything of it is written: a script is not
-- rolled back. What can be asked or written for all of them at once is one command: each costs about a microsecond by
-- itself, and each string that Lua has to make a tenth of that.
local function finishAll()
  local ids, valueAt, runOf = readRuns()
  local count = #ids
  local jobKeys, lockKeys, below, unchanged = {}, {}, {}, {}
  for n = 1, count do
    local jobKey, run = prefix .. ids[n], runOf[n]
    jobKeys[n], lockKeys[n] = jobKey, jobKey .. ':lock'
    if run.unchanged then unchanged[#unchanged + 1] = jobKey end
    if run.keepCount == 0 then
      addKeysBelow(below, jobKey)
    elseif run.completed then
      below[#below + 1] = jobKey .. ':dependencies'
      below[#below + 1] = jobKey .. ':unsuccessful'
    end
  end
  local holders = call('MGET', unpack(lockKeys))
  local anyStalled = call('SCARD', keys.stalled) > 0
  -- Mostly a job has its hash and nothing below: then nothing is asked for each, and little is written to the log.
  local anyBelow = #below > 0 and call('EXISTS', unpack(below)) > 0
  local allThere = #unchanged > 0 and call('EXISTS', unpack(unchanged)) == #unchanged
  local released, gone, parents, broken = {}, {}, {}, {}
  each(count, function(n)
    local run, jobKey = runOf[n], jobKeys[n]
    local code = 0
    local there = allThere and run.unchanged
    if not there then
      -- Every job has a timestamp, mostly.
      local values = call('HMGET', jobKey, 'timestamp', 'parentKey')
      there, parents[n] = values[1] or call('EXISTS', jobKey) == 1, values[2]
    end
    if not there then
      code = -1
    elseif anyBelow and run.completed and call('SCARD', jobKey .. ':dependencies') ~= 0 and
      call('HEXISTS', jobKey, 'igdp') == 0 then
      code = -4
    elseif anyBelow and run.completed and call('ZCARD', jobKey .. ':unsuccessful') ~= 0 then
      code = -9
    elseif holders[n] ~= run.token then
      code = holders[n] and -6 or -2
    end
    codes[n] = code
    -- It stays active, in the place that was meant for another.
    if code == -4 or code == -9 then claimMax = claimMax - 1 end
  end, function(n, why)
    codes[n] = holders[n] == runOf[n].token and 0 or holders[n] and -6 or -2
    broken[n] = why
  end)
  leaveActive(ids)
  for n = 1, count do
    if codes[n] == 0 then
      gone[#gone + 1] = lockKeys[n]
      if anyStalled then released[#released + 1] = ids[n] end
    end
  end

  -- Jobs kept without a rule enter their set together, at the latest before a rule is applied to it.
  local kept, ended = { completed = {}, failed = {} }, { completed = 0, failed = 0 }
  local function store(target)
    if #kept[target] > 0 then surely('ZADD', keys[target], unpack(kept[target])) end
    kept[target] = {}
  end

  local goneBefore = 0
  local function finish(n)
    goneBefore = #gone
    if codes[n] ~= 0 then return end
    local run, id, jobKey, value = runOf[n], ids[n], jobKeys[n], ARGV[valueAt[n]]
    local target, keepCount, made = run.target, run.keepCount, run.made
    finished = finished + 1
    if broken[n] then error(broken[n], 0) end
    if run.deduplication ~= '' then tryReleaseDeduplication(keys, run.deduplication, id, now, bullmq5) end
    local parent = parents[n] and parentOf(parents[n], call('HGET', jobKey, 'parent'))
    if parents[n] and not parent then note(id, 'its parentKey "' .. parents[n] .. '" is not the key of a job') end
    if parent and run.completed then childCompleted(jobKey, parent, value, now, bullmq5) end
    if parent and not run.completed then childFailed(jobKey, parent, value, now, bullmq5) end
    if keepCount == 0 then
      if parent then childRemoved(jobKey, parent, bullmq5) end
      gone[#gone + 1] = jobKey
      if anyBelow then addKeysBelow(gone, jobKey) end
    elseif run.completed then
      call('HSET', jobKey, 'returnvalue', value, 'finishedOn', nowText, 'atm', made)
    else
      call('HSET', jobKey, 'failedReason', value, 'stacktrace', ARGV[valueAt[n] + 1], 'finishedOn', nowText, 'atm', made)
      call('HDEL', jobKey, 'defa')
    end
    if run.completed then
      call('XADD', keys.events, '*', 'event', 'completed', 'jobId', id, 'returnvalue', value, 'prev', 'active')
    else
      call('XADD', keys.events, '*', 'event', 'failed', 'jobId', id, 'failedReason', value, 'prev', 'active')
      if tonumber(made) >= run.attempts then
        call('XADD', keys.events, '*', 'event', 'retries-exhausted', 'jobId', id, 'attemptsMade', made)
      end
    end
    ended[target] = ended[target] + 1
    if keepCount ~= 0 then
      local entering = kept[target]
      entering[#entering + 1] = nowText
      entering[#entering + 1] = id
      if run.keepAge >= 0 or keepCount > 0 then
        store(target)
        local done, why = pcall(keepFinished, keys, target, now, keepCount, run.keepAge, run.keepLimit, bullmq5)
        if not done then note(id, 'keep rule: ' .. errorText(why)) end
      end
    end
  end
  each(count, finish, function(n, why)
    for at = #gone, goneBefore + 1, -1 do gone[at] = nil end
    local ending = runOf[n].completed and 'completed' or ARGV[valueAt[n]]
    setAside(keys, ids[n], ending .. ', but that could not be stored: ' .. why, now)
    ended.failed = ended.failed + 1
  end)
  for _, target in ipairs({ 'completed', 'failed' }) do
    store(target)
    if maxDataPoints > 0 and ended[target] > 0 then
      local done, why = pcall(countMetric, keys, target, ended[target], now, maxDataPoints)
      if not done then note('', 'metrics: ' .. errorText(why)) end
    end
  end
  if #released > 0 then surely('SREM', keys.stalled, unpack(released)) end
  if #gone > 0 then surely('DEL', unpack(gone)) end
  if finished == count then codes = {} end
end

-- What the calls below write to, touched before anything is popped or released: a key of another type ends the script
-- here, where no job is in between two lists.
call('LLEN', keys.active)
call('XLEN', keys.events)
call('ZCARD', keys.marker)
call('SCARD', keys.stalled)

if #ARGV > runsAt then
  call('ZCARD', keys.completed)
  call('ZCARD', keys.failed)
  trimEvents(keys.events, keys.meta)
  finishAll()
end

-- How much of what it does not claim one call takes off the queue before it leaves the rest to the next. An id without a
-- job counts 1, a job that is put back 4 and 1 for each 64 kB.
local mostSkipped = 1000

local served = servedCount > 0 and {}
for at = 13, 12 + servedCount do served[ARGV[at]] = true end

-- What a job has: name, data, opts, timestamp, the rest as pairs, started: how often with this claim, deferred: whether its
-- failure was decided already, bytes. Nothing for an id without hash.
local function readJob(jobKey)
  local count = call('HLEN', jobKey)
  if count == 0 then return end
  -- Mostly it was never started, and has six fields; half the reply is then enough.
  if count == 6 then
    local fields = call('HMGET', jobKey, 'name', 'data', 'opts', 'timestamp', 'delay', 'priority')
    local name, data, opts, timestamp, delay, priority = unpack(fields)
    if name and data and opts and timestamp and delay and priority then
      return {
        name = name, data = data, opts = opts, timestamp = timestamp, started = '1', bytes = #data + #opts,
        rest = (delay ~= '0' or priority ~= '0') and { 'delay', delay, 'priority', priority },
      }
    end
  end
  local hash = call('HGETALL', jobKey)
  local job = { name = '', data = '', opts = '', timestamp = '', started = '1', bytes = 0, rest = false }
  for i = 1, #hash, 2 do
    local field, value = hash[i], hash[i + 1]
    job.bytes = job.bytes + #value
    if field == 'name' or field == 'data' or field == 'opts' or field == 'timestamp' then
      job[field] = value
    elseif value ~= '0' or (field ~= 'delay' and field ~= 'priority') then
      if field == 'ats' then
        job.started = string.format('%.0f', (numberOf(value) or 0) + 1)
      elseif field == 'defa' then
        job.deferred = true
      end
      if not job.rest then job.rest = {} end
      job.rest[#job.rest + 1] = field
      job.rest[#job.rest + 1] = value
    end
  end
  return job
end

local five, more, unserved = 0, 0, false

-- Delays a job that nobody here serves, so that a peer may get it. It was not started and costs no attempt.
local function putBack(id, name)
  local jobKey = prefix .. id
  local times = tonumber(call('HGET', jobKey, 'drover:unserved') or 0) or 0
  local delay = math.min(1000 * 2 ^ times, 60000)
  call('HSET', jobKey, 'delay', string.format('%.0f', delay), 'drover:unserved', string.format('%.0f', times + 1))
  delayJob(keys, id, now + delay)
  for i = 1, #unserved, 2 do
    if unserved[i] == name then
      unserved[i + 1] = unserved[i + 1] + 1
      return
    end
  end
  unserved[#unserved + 1] = name
  unserved[#unserved + 1] = 1
end

-- Returns what was claimed, the limiter's ttl, and whether the queue let us look at all.
local function claim()
  local queue = readQueue(keys, bullmq5)
  local most = claimMax
  if queue.five then five = queue.paused and 2 or 1 end
  if promoteDelayed(keys, queue, now) > 0 and not queue.closed then markJob(keys.marker) end

  local limitMax = queue.max or workerMax
  if limitMax then
    local started = numberOf(call('GET', keys.limiter)) or 0
    if started >= limitMax then
      local ttl = call('PTTL', keys.limiter)
      if ttl > 0 then return {}, ttl, false end
      call('DEL', keys.limiter)
      started = 0
    end
    -- A maximum below 1 lets one job begin in each window, as in BullMQ.
    most = math.min(most, math.max(math.ceil(limitMax - started), 1))
  end
  if queue.closed then return {}, 0, false end
  if queue.free then most = math.min(most, queue.free) end

  most = math.floor(most)

  -- First everything is read, then it is written, and the lists are left last: a script is not rolled back.
  local found, broken, notServed = {}, {}, {}
  local bytes, skipped, fromWait, fromRanked = 0, 0, 0, 0
  while #found < most do
    local wanted = most - #found
    local waiting = call('LRANGE', keys.wait, -fromWait - wanted, -fromWait - 1)
    local length, seen = #waiting, 0
    local ranked = length < wanted and
      call('ZRANGE', keys.prioritized, fromRanked, fromRanked + wanted - length - 1) or {}
    local there = length + #ranked
    each(there, function(n)
      if bytes >= mostBytes or skipped >= mostSkipped then return end
      seen = n
      local id = waiting[length + 1 - n] or ranked[n - length]
      local job = readJob(prefix .. id)
      -- An id without hash has nothing to run, and a "0:" id is a marker of long ago: both are dropped.
      if not job or string.sub(id, 1, 2) == '0:' then
        skipped = skipped + 1
      elseif served and not served[job.name] and not job.deferred then
        skipped = skipped + 4 + job.bytes / 65536
        notServed[#notServed + 1] = { id, job.name }
      else
        job.id = id
        found[#found + 1] = job
        bytes = bytes + job.bytes
      end
    end, function(n, why)
      skipped = skipped + 4
      broken[#broken + 1] = { waiting[length + 1 - n] or ranked[n - length], why }
    end)
    fromWait, fromRanked = fromWait + math.min(seen, length), fromRanked + math.max(seen - length, 0)
    if seen < there then
      more = 1
      break
    end
    -- Fewer than asked for: none is left, so the counter of priorities may start again.
    if there < wanted then
      call('DEL', keys.pc)
      break
    end
  end

  -- A reply of megabytes may be on its way for long, and no lock is renewed before it has arrived: a second more for each
  -- megabyte.
  if bytes > 262144 then lockDuration = string.format('%.0f', tonumber(lockDuration) + bytes / 1000) end
  local jobs, claimed, counted = {}, {}, 0
  local nameBefore, optsBefore
  each(#found, function(n)
    local job = found[n]
    local jobKey, name, opts = prefix .. job.id, job.name, job.opts
    call('SET', jobKey .. ':lock', token, 'PX', lockDuration)
    call('XADD', keys.events, '*', 'event', 'active', 'jobId', job.id, 'prev', 'waiting')
    if workerName ~= '' then
      call('HSET', jobKey, 'processedOn', nowText, 'ats', job.started, 'pb', workerName)
    else
      call('HSET', jobKey, 'processedOn', nowText, 'ats', job.started)
    end
    claimed[#claimed + 1] = job.id
    local last = #jobs
    jobs[last + 1], jobs[last + 2], jobs[last + 3] = job.id, name ~= nameBefore and name, job.data
    jobs[last + 4], jobs[last + 5], jobs[last + 6] = opts ~= optsBefore and opts, job.timestamp, job.rest
    nameBefore, optsBefore = name, opts
    if not job.deferred then counted = counted + 1 end
  end, function(n, why) broken[#broken + 1] = { found[n].id, why } end)
  if #claimed > 0 then surely('LPUSH', keys.active, unpack(claimed)) end
  if fromWait > 0 then surely('LTRIM', keys.wait, 0, -fromWait - 1) end
  if fromRanked > 0 then surely('ZREMRANGEBYRANK', keys.prioritized, 0, fromRanked - 1) end
  for _, job in ipairs(broken) do setAside(keys, job[1], job[2], now) end
  if #notServed > 0 then
    unserved = {}
    each(#notServed, function(n) putBack(notServed[n][1], notServed[n][2]) end,
      function(n, why) setAside(keys, notServed[n][1], 'it could not be put back: ' .. why, now) end)
    pcall(markDelayed, keys.marker, keys.delayed)
  end
  -- More of them may follow, and jobs behind them: look again at once.
  if more == 1 then pcall(markJob, keys.marker) end
  if #claimed > 0 then
    local done, why = pcall(function()
      -- Unconditional: each worker that got a job wakes the next one.
      markJob(keys.marker)
      local duration = workerDuration or queue.duration
      if limitMax and counted > 0 and call('INCRBY', keys.limiter, counted) == counted and duration then
        call('PEXPIRE', keys.limiter, math.floor(math.abs(duration)))
      end
    end)
    if not done then note('', errorText(why)) end
  end
  return jobs, 0, true
end

local jobs, ttl, looked, due = {}, 0, true, 0
if claimMax > 0 then
  local done, why, closedFor, open = pcall(claim)
  if done then
    jobs, ttl, looked = why, closedFor, open
  elseif #ARGV > runsAt then
    -- What this call finished is told nevertheless.
    looked = false
    note('', 'nothing can be claimed: ' .. errorText(why))
  else
    error(errorText(why), 0)
  end
  if #jobs == 0 and looked then
    local first = redis.pcall('ZRANGE', keys.delayed, 0, 0, 'WITHSCORES')
    if first[2] then due = math.floor(tonumber(first[2]) / 4096) end
  end
end
if finished > 0 and #jobs == 0 and looked and due == 0 and
  call('EXISTS', keys.wait, keys.active, keys.prioritized) == 0 then
  redis.pcall('XADD', keys.events, '*', 'event', 'drained')
end
return { codes, jobs, ttl, due, five, counter, unserved, more, #problems > 0 and problems or nil }
