-- Claims jobs, for advance. Uses of the script: keys, prefix, now, nowText, token, lockDuration, workerName, workerMax,
-- workerDuration, bullmq5, mostBytes, served.

-- Bounds what one call removes from the lists without a claim; the next call goes on. An id without a job counts 1, a job
-- that is put back 4 and 1 for each 64 kB.
local mostSkipped = 1000

-- Returns a job: name, data, opts, timestamp, rest (the other fields as pairs), started (attempts with this claim), deferred
-- (its failure is decided already), bytes. Returns nil for an id without hash.
local function readJob(jobKey)
  local call = redis.call
  local count = call('HLEN', jobKey)
  if count == 0 then return end
  -- A job that never started has six fields: six values are half the reply of HGETALL.
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

-- Delays a job of a name that is not served, so that a peer may claim it. This costs no attempt.
local function putBack(id, name, unserved)
  local jobKey = prefix .. id
  local times = tonumber(redis.call('HGET', jobKey, 'drover:unserved') or 0) or 0
  local delay = math.min(1000 * 2 ^ times, 60000)
  redis.call('HSET', jobKey, 'delay', string.format('%.0f', delay), 'drover:unserved', string.format('%.0f', times + 1))
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

-- Claims at most `most` jobs. Fills in `claimed`: jobs, ttl, five, unserved and more, all as advance returns them, and
-- looked: the queue was open. After an error `claimed` has what was found before it.
local function claimJobs(claimed, most)
  local call = redis.call
  claimed.looked = false
  local queue = readQueue(keys, bullmq5)
  if queue.five then claimed.five = queue.paused and 2 or 1 end
  if promoteDelayed(keys, queue, now) > 0 and not queue.closed then markJob(keys.marker) end

  local limitMax = queue.max or workerMax
  if limitMax then
    local started = numberOf(call('GET', keys.limiter)) or 0
    if started >= limitMax then
      local ttl = call('PTTL', keys.limiter)
      if ttl > 0 then
        claimed.ttl = ttl
        return
      end
      call('DEL', keys.limiter)
      started = 0
    end
    -- A maximum below 1 lets one job begin in each window, as in BullMQ.
    most = math.min(most, math.max(math.ceil(limitMax - started), 1))
  end
  if queue.closed then return end
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
      -- An id without hash has nothing to run, and a "0:" id is a marker of an old version: both are dropped.
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
      claimed.more = 1
      break
    end
    -- Fewer than wanted: none is left, so the counter of priorities may start again.
    if there < wanted then
      call('DEL', keys.pc)
      break
    end
  end

  -- A reply of megabytes travels for long, and the worker renews no lock before the reply has arrived: a second more for
  -- each megabyte.
  local duration = lockDuration
  if bytes > 262144 then duration = string.format('%.0f', tonumber(duration) + bytes / 1000) end
  local jobs, ids, counted = {}, {}, 0
  local nameBefore, optsBefore
  each(#found, function(n)
    local job = found[n]
    local jobKey, name, opts = prefix .. job.id, job.name, job.opts
    call('SET', jobKey .. ':lock', token, 'PX', duration)
    call('XADD', keys.events, '*', 'event', 'active', 'jobId', job.id, 'prev', 'waiting')
    if workerName ~= '' then
      call('HSET', jobKey, 'processedOn', nowText, 'ats', job.started, 'pb', workerName)
    else
      call('HSET', jobKey, 'processedOn', nowText, 'ats', job.started)
    end
    ids[#ids + 1] = job.id
    local last = #jobs
    jobs[last + 1], jobs[last + 2], jobs[last + 3] = job.id, name ~= nameBefore and name, job.data
    jobs[last + 4], jobs[last + 5], jobs[last + 6] = opts ~= optsBefore and opts, job.timestamp, job.rest
    nameBefore, optsBefore = name, opts
    if not job.deferred then counted = counted + 1 end
  end, function(n, why) broken[#broken + 1] = { found[n].id, why } end)
  if #ids > 0 then surely('LPUSH', keys.active, unpack(ids)) end
  if fromWait > 0 then surely('LTRIM', keys.wait, 0, -fromWait - 1) end
  if fromRanked > 0 then surely('ZREMRANGEBYRANK', keys.prioritized, 0, fromRanked - 1) end
  for _, job in ipairs(broken) do setAside(keys, job[1], job[2], now) end
  if #notServed > 0 then
    claimed.unserved = {}
    each(#notServed, function(n) putBack(notServed[n][1], notServed[n][2], claimed.unserved) end,
      function(n, why) setAside(keys, notServed[n][1], 'it could not be put back: ' .. why, now) end)
    pcall(markDelayed, keys.marker, keys.delayed)
  end
  -- More of them may follow, and jobs behind them: the marker brings the next call at once.
  if claimed.more == 1 then pcall(markJob, keys.marker) end
  if #ids > 0 then
    local done, why = pcall(function()
      -- Unconditional: each worker that got a job wakes the next one.
      markJob(keys.marker)
      local window = workerDuration or queue.duration
      if limitMax and counted > 0 and call('INCRBY', keys.limiter, counted) == counted and window then
        call('PEXPIRE', keys.limiter, math.floor(math.abs(window)))
      end
    end)
    if not done then note('', errorText(why)) end
  end
  claimed.jobs, claimed.looked = jobs, true
end
