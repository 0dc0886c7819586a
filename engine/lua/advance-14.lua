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
  ARGV[11] number of profiles: what jobs to finish have in common, mostly all of them
  ARGV[12…] nine per profile: lock token, "completed" or "failed", keep count (-1: all), keep age in s (-1: none), keep
           limit, attempts allowed, attempts made (this one included), deduplication id or "", value of `id` when it was
           claimed or "" if it had a parent then
           then four per job to finish: profile (from 1), id, return value (JSON) or reason, stack trace (JSON array) or ""

  Returns  { codes, jobs, ttl, next, five, id }
           codes: one per job to finish: 0 done; -1 no hash, -2 no lock, -6 another worker's lock, -3 not active,
                  -4 children pending, -9 children failed
           jobs:  six per job: id, name, data, opts, timestamp (false for one that its hash lacks), and the other fields
                  with their values before this claim as a list of pairs, or "" if there are none but delay and
                  priority of 0. Names of fields that every job has would double the reply.
           ttl:   ms for which the rate limiter is closed; 0: it is not
           next:  due time in ms of the earliest delayed job if nothing was claimed; 0: none
           five:  1 if the claim saw that 5.x clients share the queue, 2 if it is paused as well
           id:    the counter, as text; false if there is none
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

local codes, finished = {}, 0
-- Every add counts it up, whatever becomes of the add.
local counter = redis.call('GET', keys.id)

local profiles, firstJob = {}, 12 + 9 * tonumber(ARGV[11])
for at = 12, firstJob - 1, 9 do
  profiles[#profiles + 1] = {
    token = ARGV[at], target = ARGV[at + 1], keepCount = tonumber(ARGV[at + 2]), keepAge = tonumber(ARGV[at + 3]),
    keepLimit = tonumber(ARGV[at + 4]), attempts = tonumber(ARGV[at + 5]), made = ARGV[at + 6],
    deduplication = ARGV[at + 7], counter = ARGV[at + 8],
  }
end

-- Ends the jobs of the arguments. Everything about a job is checked before anything of it is written: a script is not
-- rolled back. What can be asked or written for all of them at once is one command: each costs about a microsecond by
-- itself.
local function finishAll()
  local count = (#ARGV - firstJob + 1) / 4
  local jobKeys, lockKeys, below, unchanged = {}, {}, {}, {}
  for n = 1, count do
    local at = firstJob + (n - 1) * 4
    local profile, jobKey = profiles[tonumber(ARGV[at])], prefix .. ARGV[at + 1]
    jobKeys[n], lockKeys[n] = jobKey, jobKey .. ':lock'
    -- Only an add gives a job that is active a parent.
    if profile.counter == counter then unchanged[#unchanged + 1] = jobKey end
    if profile.keepCount == 0 then
      addKeysBelow(below, jobKey)
    elseif profile.target == 'completed' then
      below[#below + 1] = jobKey .. ':dependencies'
      below[#below + 1] = jobKey .. ':unsuccessful'
    end
  end
  local holders = redis.call('MGET', unpack(lockKeys))
  -- Mostly a job has its hash and nothing below: then nothing is asked for each, and little is written to the log.
  local anyBelow = #below > 0 and redis.call('EXISTS', unpack(below)) > 0
  local allThere = #unchanged > 0 and redis.call('EXISTS', unpack(unchanged)) == #unchanged
  local released, gone, ending, parents = {}, {}, {}, {}
  for n = 1, count do
    local at = firstJob + (n - 1) * 4
    local profile, id = profiles[tonumber(ARGV[at])], ARGV[at + 1]
    local code = 0
    local there = allThere and profile.counter == counter
    if not there then
      -- Every job has a timestamp, mostly.
      local values = redis.call('HMGET', jobKeys[n], 'timestamp', 'parentKey')
      there, parents[n] = values[1] or redis.call('EXISTS', jobKeys[n]) == 1, values[2]
    end
    if not there then
      code = -1
    elseif anyBelow and profile.target == 'completed' and redis.call('SCARD', jobKeys[n] .. ':dependencies') ~= 0 and
      redis.call('HEXISTS', jobKeys[n], 'igdp') == 0 then
      code = -4
    elseif anyBelow and profile.target == 'completed' and redis.call('ZCARD', jobKeys[n] .. ':unsuccessful') ~= 0 then
      code = -9
    elseif holders[n] ~= profile.token then
      code = holders[n] and -6 or -2
    else
      released[#released + 1] = id
      gone[#gone + 1] = lockKeys[n]
      ending[id] = true
    end
    codes[n] = code
    -- It stays active, in the place that was meant for another.
    if code == -4 or code == -9 then claimMax = claimMax - 1 end
  end

  -- The oldest active jobs finish first, mostly: those at the list's tail leave it at once, others one by one.
  local tail, left = redis.call('LRANGE', keys.active, -count, -1), {}
  local leaving = 0
  for at = #tail, 1, -1 do
    local id = tail[at]
    if not ending[id] or left[id] then break end
    left[id] = true
    leaving = leaving + 1
  end
  if leaving > 0 then redis.call('RPOP', keys.active, leaving) end

  -- Jobs kept without a rule enter their set together, at the latest before a rule is applied to it.
  local kept, ended = { completed = {}, failed = {} }, { completed = 0, failed = 0 }
  local function store(target)
    if #kept[target] > 0 then redis.call('ZADD', keys[target], unpack(kept[target])) end
    kept[target] = {}
  end

  for n = 1, count do
    local at = firstJob + (n - 1) * 4
    local profile, id, value = profiles[tonumber(ARGV[at])], ARGV[at + 1], ARGV[at + 2]
    local target, keepCount, made = profile.target, profile.keepCount, profile.made
    local jobKey = jobKeys[n]
    if codes[n] == 0 then
      if left[id] then
        left[id] = nil
      elseif redis.call('LREM', keys.active, -1, id) == 0 then
        codes[n] = -3
      end
    end
    if codes[n] == 0 then
      finished = finished + 1
      ended[target] = ended[target] + 1
      if profile.deduplication ~= '' then releaseDeduplication(keys, profile.deduplication, id, now, bullmq5) end
      local parent = parents[n] and parentOf(parents[n], redis.call('HGET', jobKey, 'parent'))
      if parent and target == 'completed' then childCompleted(jobKey, parent, value, now, bullmq5) end
      if parent and target == 'failed' then childFailed(jobKey, parent, value, now, bullmq5) end
      if keepCount == 0 then
        gone[#gone + 1] = jobKey
        if anyBelow then addKeysBelow(gone, jobKey) end
        if parent then childRemoved(jobKey, parent, bullmq5) end
      else
        local entering = kept[target]
        entering[#entering + 1] = nowText
        entering[#entering + 1] = id
        if target == 'completed' then
          redis.call('HSET', jobKey, 'returnvalue', value, 'finishedOn', nowText, 'atm', made)
        else
          redis.call('HSET', jobKey, 'failedReason', value, 'stacktrace', ARGV[at + 3], 'finishedOn', nowText, 'atm', made)
          redis.call('HDEL', jobKey, 'defa')
        end
        if profile.keepAge >= 0 or keepCount > 0 then
          store(target)
          keepFinished(keys, target, now, keepCount, profile.keepAge, profile.keepLimit, bullmq5)
        end
      end
      if target == 'completed' then
        redis.call('XADD', keys.events, '*', 'event', 'completed', 'jobId', id, 'returnvalue', value, 'prev', 'active')
      else
        redis.call('XADD', keys.events, '*', 'event', 'failed', 'jobId', id, 'failedReason', value, 'prev', 'active')
        if tonumber(made) >= profile.attempts then
          redis.call('XADD', keys.events, '*', 'event', 'retries-exhausted', 'jobId', id, 'attemptsMade', made)
        end
      end
    end
  end
  for _, target in ipairs({ 'completed', 'failed' }) do
    store(target)
    if maxDataPoints > 0 and ended[target] > 0 then countMetric(keys, target, ended[target], now, maxDataPoints) end
  end
  if #released > 0 then
    redis.call('SREM', keys.stalled, unpack(released))
    redis.call('DEL', unpack(gone))
  end
end

-- What the calls below write to, touched before anything is popped or released: a key of another type ends the script
-- here, where no job is in between two lists.
redis.call('LLEN', keys.active)
redis.call('XLEN', keys.events)
redis.call('ZCARD', keys.marker)

if #ARGV >= firstJob then
  redis.call('ZCARD', keys.completed)
  redis.call('ZCARD', keys.failed)
  trimEvents(keys.events, keys.meta)
  finishAll()
end

-- How many ids without a job one call takes off the queue before it leaves the rest to the next.
local mostDropped = 1000

-- Takes up to `most` ids off wait, then off prioritized.
local function takeIds(most)
  local ids = redis.call('RPOP', keys.wait, most) or {}
  local wanted = most - #ids
  if wanted > 0 then
    local popped = redis.call('ZPOPMIN', keys.prioritized, wanted)
    for i = 1, #popped, 2 do ids[#ids + 1] = popped[i] end
    -- Fewer than asked for: none is left, so the counter may start again.
    if #popped < wanted * 2 then redis.call('DEL', keys.pc) end
  end
  return ids
end

local five = 0

-- Returns what was claimed, the limiter's ttl, and whether the queue let us look at all.
local function claim()
  local queue = readQueue(keys, bullmq5)
  local most = claimMax
  if queue.five then five = queue.paused and 2 or 1 end
  if promoteDelayed(keys, queue, now) > 0 and not queue.closed then markJob(keys.marker) end

  local limitMax = queue.max or workerMax
  if limitMax then
    local started = tonumber(redis.call('GET', keys.limiter) or 0)
    if started >= limitMax then
      local ttl = redis.call('PTTL', keys.limiter)
      if ttl > 0 then return {}, ttl, false end
      redis.call('DEL', keys.limiter)
      started = 0
    end
    most = math.min(most, limitMax - started)
  end
  if queue.closed then return {}, 0, false end
  if queue.free then most = math.min(most, queue.free) end

  local jobs, claimed, counted, dropped = {}, {}, 0, 0
  while #claimed < most and dropped < mostDropped do
    local wanted = most - #claimed
    local ids = takeIds(wanted)
    for _, id in ipairs(ids) do
      local jobKey = prefix .. id
      local hash = redis.call('HGETALL', jobKey)
      -- An id without hash has nothing to run, and a "0:" id is a marker of long ago: both are dropped.
      if #hash == 0 or string.sub(id, 1, 2) == '0:' then
        dropped = dropped + 1
      else
        local started, deferred = '1', false
        local name, data, opts, timestamp, rest = false, false, false, false, ''
        for i = 1, #hash, 2 do
          local field, value = hash[i], hash[i + 1]
          if field == 'name' then
            name = value
          elseif field == 'data' then
            data = value
          elseif field == 'opts' then
            opts = value
          elseif field == 'timestamp' then
            timestamp = value
          elseif value ~= '0' or (field ~= 'delay' and field ~= 'priority') then
            if field == 'ats' then
              started = string.format('%.0f', (tonumber(value) or 0) + 1)
            elseif field == 'defa' then
              deferred = true
            end
            if rest == '' then rest = {} end
            rest[#rest + 1] = field
            rest[#rest + 1] = value
          end
        end
        redis.call('SET', jobKey .. ':lock', token, 'PX', lockDuration)
        redis.call('XADD', keys.events, '*', 'event', 'active', 'jobId', id, 'prev', 'waiting')
        if workerName ~= '' then
          redis.call('HSET', jobKey, 'processedOn', nowText, 'ats', started, 'pb', workerName)
        else
          redis.call('HSET', jobKey, 'processedOn', nowText, 'ats', started)
        end
        claimed[#claimed + 1] = id
        local last = #jobs
        jobs[last + 1], jobs[last + 2], jobs[last + 3], jobs[last + 4] = id, name, data, opts
        jobs[last + 5], jobs[last + 6] = timestamp, rest
        if not deferred then counted = counted + 1 end
      end
    end
    if #ids < wanted then break end
  end
  -- More of them may follow, and jobs behind them: look again at once.
  if dropped >= mostDropped then markJob(keys.marker) end
  if #claimed > 0 then
    redis.call('LPUSH', keys.active, unpack(claimed))
    -- Unconditional: each worker that got a job wakes the next one.
    markJob(keys.marker)
    local duration = workerDuration or queue.duration
    if limitMax and counted > 0 and redis.call('INCRBY', keys.limiter, counted) == counted and duration then
      redis.call('PEXPIRE', keys.limiter, math.floor(math.abs(duration)))
    end
  end
  return jobs, 0, true
end

local jobs, ttl, looked, due = {}, 0, true, 0
if claimMax > 0 then
  jobs, ttl, looked = claim()
  if #jobs == 0 and looked then
    local first = redis.call('ZRANGE', keys.delayed, 0, 0, 'WITHSCORES')
    if first[2] then due = math.floor(tonumber(first[2]) / 4096) end
  end
end
if finished > 0 and #jobs == 0 and looked and due == 0 and
  redis.call('EXISTS', keys.wait, keys.active, keys.prioritized) == 0 then
  redis.call('XADD', keys.events, '*', 'event', 'drained')
end
return { codes, jobs, ttl, due, five, counter }
