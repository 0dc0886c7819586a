-- Ends jobs, for advance. Uses of the script: keys, prefix, now, nowText, bullmq5, maxDataPoints.

-- Returns what the arguments from `at` on hold: the ids of the jobs, the places of their values in ARGV, and their runs.
local function readRuns(at, counter)
  local ids, valueAt, runOf = {}, {}, {}
  local runs, count = tonumber(ARGV[at]), 0
  at = at + 1
  for _ = 1, runs do
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

-- Removes jobs with code 0 from the active list; a job that is not there gets -3. The oldest active jobs finish first,
-- mostly: jobs at the tail leave in one command, the rest one by one.
local function leaveActive(ids, codes)
  local count = #ids
  local tail = redis.call('LRANGE', keys.active, -count, -1)
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

-- Ends the jobs of the arguments from `at` on. `counter`: the queue's counter of ids now.
-- Returns one code per job, none if all are done; how many are done; and how many stay active for their children.
-- Everything about a job is checked before anything of it is written: a script is not rolled back. A read or a write for
-- all of them is one command: each costs about a microsecond by itself, and each string that Lua makes a tenth of that.
local function finishJobs(at, counter)
  local call = redis.call
  local ids, valueAt, runOf = readRuns(at, counter)
  local count = #ids
  local codes, finished, staying = {}, 0, 0
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
  -- Mostly a job has its hash and no key below it: then no job needs a read of its own, and the replication log stays short.
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
    -- It stays active, in a place that the caller counts as free.
    if code == -4 or code == -9 then staying = staying + 1 end
  end, function(n, why)
    codes[n] = holders[n] == runOf[n].token and 0 or holders[n] and -6 or -2
    broken[n] = why
  end)
  leaveActive(ids, codes)
  for n = 1, count do
    if codes[n] == 0 then
      gone[#gone + 1] = lockKeys[n]
      if anyStalled then released[#released + 1] = ids[n] end
    end
  end

  -- Jobs that are kept without a rule enter their set together, at the latest before a rule is applied to the set.
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
    if run.completed then
      call('XADD', keys.events, '*', 'event', 'completed', 'jobId', id, 'returnvalue', value, 'prev', 'active')
    else
      call('XADD', keys.events, '*', 'event', 'failed', 'jobId', id, 'failedReason', value, 'prev', 'active')
      if tonumber(made) >= run.attempts then
        call('XADD', keys.events, '*', 'event', 'retries-exhausted', 'jobId', id, 'attemptsMade', made)
      end
    end
    ended[target] = ended[target] + 1
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
  return finished == count and {} or codes, finished, staying
end
