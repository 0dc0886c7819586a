--[[
  Adds a tree of jobs to any number of queues: all of it, or nothing.

  KEYS[1]  meta     hash  <prefix>:<queue>:meta of the root's queue; the keys of each queue lie beside it or in its slot
  ARGV[1]  now, ms    ARGV[2]  key of the root's own parent, or ""    ARGV[3]  number of queues
  ARGV[4]  name of the record of an add that happens once, or ""    ARGV[5]  its fingerprint    ARGV[6]  how long it lives, ms, or
           "0": without a record there is an error, and nothing is stored
  ARGV[7]  seed of the ids without a caller, for the record
  ARGV[8…] two per queue, the root's first: job key prefix "<prefix>:<queue>:", "on", "auto", "seen" or "off": whether 5.x
           clients share the queue. The queue of the root's own parent is among them
  then     eleven per job, each behind its parent: number of its queue, number of its parent (0: the root's own), name, data,
           opts (stored JSON), timestamp ms, delay ms, priority, id, parent (JSON) or "", and letters: "c" the id may exist,
           "l" lifo, "p" parent of a later job

  Record   <prefix>:<queue>:drover:once:<name> of the root's queue, JSON [fingerprint, "flow", seed, now, numbers of jobs elsewhere]
  Returns  {0, or the code of a root that cannot be added (then nothing of the tree is stored): -5 its parent does not exist,
           -7 it exists as a child of another parent; per queue 1 if 5.x clients share it, else 0; the numbers of jobs that
           exist as children of another parent, and stay there}; with a record of before nothing is stored: {1, as above, its
           numbers, its seed, its time}, or {2, as above, {}} if its fingerprint is another; or an error: then nothing of the tree is stored
  Events   per job: added, then waiting, delayed or waiting-children; or duplicated. Then per released parent as of a release
]]
local now, ownParent, queueCount = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])
local first, width = 8 + 2 * queueCount, 11
local count = (#ARGV - first + 1) / width

--- @include "safely"
--- @include "events"
--- @include "markers"
--- @include "scores"
--- @include "queueState"
--- @include "parents"
--- @include "writeRecord"

-- Everything that could end the script is read first: the types of all keys that it writes.
local queues, shared, modes = {}, {}, {}
for n = 1, queueCount do
  local keys, bullmq5 = queueAt(ARGV[6 + 2 * n]), ARGV[7 + 2 * n]
  local state = readQueue(keys, bullmq5)
  redis.call('XLEN', keys.events)
  redis.call('LLEN', state.ready)
  for _, set in ipairs({ keys.delayed, keys.prioritized, keys.marker, keys.waitingChildren, keys.completed }) do
    redis.call('ZCARD', set)
  end
  queues[n] = { keys = keys, state = state, bullmq5 = bullmq5, count = 0, left = {}, right = {} }
  shared[n] = state.five and 1 or 0
  modes[keys.prefix] = bullmq5
end

local onceKey = ARGV[4] ~= '' and ARGV[8] .. 'drover:once:' .. ARGV[4]
local record = onceKey and redis.call('GET', onceKey)
if record then
  local known = cjson.decode(record)
  if known[1] ~= ARGV[5] or known[2] ~= 'flow' then return { 2, shared, {} } end
  return { 1, shared, known[5], known[3], known[4] }
end

if onceKey and ARGV[6] == '0' then return { err = 'refused' } end

local jobKeys, present = {}, {}
local function requireSets(parentKey)
  redis.call('SCARD', parentKey .. ':dependencies')
  redis.call('HLEN', parentKey .. ':processed')
end
if ownParent ~= '' then requireSets(ownParent) end
for n = 1, count do
  local at = first + (n - 1) * width
  local queue, flags = queues[tonumber(ARGV[at])], ARGV[at + 10]
  local jobKey = queue.keys.prefix .. ARGV[at + 8]
  jobKeys[n] = jobKey
  queue.count = queue.count + 1
  if string.find(flags, 'c', 1, true) then
    local kind = redis.call('TYPE', jobKey).ok
    if kind ~= 'none' and kind ~= 'hash' then error('the key ' .. jobKey .. ' is a ' .. kind .. ', not a job', 0) end
    present[n] = kind == 'hash'
    if string.find(flags, 'p', 1, true) then requireSets(jobKey) end
  end
end

-- Returns true if a job that exists is a child of another parent that lives.
local function isElsewhere(jobKey, parentKey)
  local held = redis.call('HGET', jobKey, 'parentKey')
  return held and held ~= parentKey and redis.call('EXISTS', held) == 1
end

if ownParent ~= '' then
  if redis.call('EXISTS', ownParent) == 0 then return { -5, shared, {} } end
  if present[1] and isElsewhere(jobKeys[1], ownParent) then return { -7, shared, {} } end
end

for _, queue in ipairs(queues) do
  if queue.count > 0 then redis.call('INCRBY', queue.keys.id, queue.count) end
end

local written, adopted, elsewhere = {}, {}, {}
local parents, pending, blocked = {}, {}, {}  -- Keys of parents, in order; by key: children to wait for; not to be released.

local function adopt(n, at, queue, parentKey)
  local jobKey, id = jobKeys[n], ARGV[at + 8]
  if parentKey then
    if isElsewhere(jobKey, parentKey) then
      elsewhere[#elsewhere + 1] = n
      blocked[parentKey] = true
      return
    end
    local held = redis.call('HMGET', jobKey, 'parentKey', 'parent', 'returnvalue')
    local ended = redis.call('ZSCORE', queue.keys.completed, id)
    local known = not ended and redis.call('SISMEMBER', parentKey .. ':dependencies', jobKey) == 1
    adopted[#adopted + 1] = { jobKey, held, parentKey, ended }
    if ended then
      redis.call('HSET', parentKey .. ':processed', jobKey, held[3] or 'null')
    elseif not known then
      pending[parentKey][#pending[parentKey] + 1] = jobKey
    end
    redis.call('HSET', jobKey, 'parentKey', parentKey, 'parent', ARGV[at + 9])
  end
  redis.call('XADD', queue.keys.events, '*', 'event', 'duplicated', 'jobId', id)
end

local function store(n, at, queue, parentKey)
  local jobKey, id, keys, flags = jobKeys[n], ARGV[at + 8], queue.keys, ARGV[at + 10]
  local name, timestamp, delay, priority = ARGV[at + 2], ARGV[at + 5], ARGV[at + 6], ARGV[at + 7]
  written[#written + 1] = n
  if parentKey then
    writeRecord(jobKey, name, ARGV[at + 3], ARGV[at + 4], timestamp, delay, priority,
      'parentKey', parentKey, 'parent', ARGV[at + 9])
    pending[parentKey][#pending[parentKey] + 1] = jobKey
  else
    writeRecord(jobKey, name, ARGV[at + 3], ARGV[at + 4], timestamp, delay, priority)
  end
  redis.call('XADD', keys.events, '*', 'event', 'added', 'jobId', id, 'name', name)
  if string.find(flags, 'p', 1, true) then
    redis.call('ZADD', keys.waitingChildren, timestamp, id)
    redis.call('XADD', keys.events, '*', 'event', 'waiting-children', 'jobId', id)
  elseif tonumber(delay) > 0 then
    delayJob(keys, id, tonumber(timestamp) + tonumber(delay))
    queue.delayed = true
  else
    if tonumber(priority) > 0 then
      redis.call('ZADD', keys.prioritized, priorityScore(keys.pc, tonumber(priority)), id)
    else
      local side = string.find(flags, 'l', 1, true) and queue.right or queue.left
      side[#side + 1] = id
    end
    redis.call('XADD', keys.events, '*', 'event', 'waiting', 'jobId', id)
    queue.runnable = true
  end
end

-- Slices: Lua's stack bounds the values of one call.
local function inSlices(command, key, values)
  for from = 1, #values, 1000 do
    surely(command, key, unpack(values, from, math.min(from + 999, #values)))
  end
end

local done, why = pcall(function()
  local isWritten = {}
  for n = 1, count do
    local at = first + (n - 1) * width
    local queue, parent = queues[tonumber(ARGV[at])], tonumber(ARGV[at + 1])
    local parentKey = jobKeys[parent] or ownParent ~= '' and ownParent
    if parentKey and not pending[parentKey] then
      parents[#parents + 1] = { key = parentKey, json = ARGV[at + 9] }
      pending[parentKey] = {}
    end
    if present[n] or isWritten[jobKeys[n]] then
      adopt(n, at, queue, parentKey)
    else
      store(n, at, queue, parentKey)
      isWritten[jobKeys[n]] = true
    end
  end
  for _, parent in ipairs(parents) do inSlices('SADD', parent.key .. ':dependencies', pending[parent.key]) end
  for _, queue in ipairs(queues) do
    inSlices('LPUSH', queue.state.ready, queue.left)
    inSlices('RPUSH', queue.state.ready, queue.right)
  end
  if onceKey then
    surely('SET', onceKey, cjson.encode({ ARGV[5], 'flow', ARGV[7], ARGV[1], elsewhere }), 'PX', ARGV[6])
  end
end)

-- Undoes what was written.
local function undo()
  for _, n in ipairs(written) do
    local at = first + (n - 1) * width
    local keys, id = queues[tonumber(ARGV[at])].keys, ARGV[at + 8]
    for _, set in ipairs({ keys.waitingChildren, keys.delayed, keys.prioritized }) do redis.pcall('ZREM', set, id) end
    redis.pcall('DEL', jobKeys[n])
  end
  for _, parent in ipairs(parents) do
    for _, jobKey in ipairs(pending[parent.key]) do redis.pcall('SREM', parent.key .. ':dependencies', jobKey) end
  end
  for _, queue in ipairs(queues) do
    -- One each, from its end: another entry of that id is older.
    for _, id in ipairs(queue.left) do redis.pcall('LREM', queue.state.ready, 1, id) end
    for _, id in ipairs(queue.right) do redis.pcall('LREM', queue.state.ready, -1, id) end
  end
  for i = #adopted, 1, -1 do
    local jobKey, held, parentKey, ended = unpack(adopted[i])
    if ended then redis.pcall('HDEL', parentKey .. ':processed', jobKey) end
    redis.pcall('HDEL', jobKey, 'parentKey', 'parent')
    if held[1] then redis.pcall('HSET', jobKey, 'parentKey', held[1], 'parent', held[2] or '') end
  end
end
if not done then
  undo()
  error(errorText(why), 0)
end

for _, queue in ipairs(queues) do
  if queue.runnable and not queue.state.closed then pcall(markJob, queue.keys.marker) end
  if queue.delayed then pcall(markDelayed, queue.keys.marker, queue.keys.delayed) end
  if queue.count > 0 then pcall(trimEvents, queue.keys.events, queue.keys.meta) end
end
-- A parent whose children had all ended runs once the whole tree is there.
local function release(held)
  local parent = parentOf(held.key, held.json)
  if parent and waitsForChildren(parent) and not hasPendingChildren(parent) then
    releaseParent(parent, now, modes[parent.keys.prefix] or queues[1].bullmq5)
  end
end
for _, held in ipairs(parents) do
  if #pending[held.key] == 0 and not blocked[held.key] then
    -- All keys were read before, so no second attempt fails.
    if not pcall(release, held) then pcall(release, held) end
  end
end
return { 0, shared, elsewhere }
