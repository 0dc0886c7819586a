--[[
  Adds n jobs, in order: standard, prioritized or delayed, with a parent or without.

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
  ARGV[4…] ten per job: name, data, opts (stored JSON), timestamp ms, delay ms, priority, custom id or "", "1" for lifo,
           key of the parent or "", parent (JSON) or ""

  Returns  per job its id, or a negative number: -5 its parent does not exist, -7 it exists as a child of another parent; or
           an error, if a key of the job has another type: then nothing of the job is stored. A job with -5 uses up no id. A
           custom id that exists already is returned as it is. After them 1 if 5.x clients share the queue, else 0
  Events   per job: added, then waiting or delayed; or duplicated
]]
--- @keys
keys.prefix = ARGV[1]
local prefix, bullmq5, now = ARGV[1], ARGV[2], tonumber(ARGV[3])
local first, width = 4, 10

--- @include "safely"
--- @include "events"
--- @include "markers"
--- @include "scores"
--- @include "queueState"
--- @include "parents"
--- @include "writeRecord"

-- A key of another type ends the script here, before anything is written. The adds do not change what is read.
local queue = readQueue(keys, bullmq5)
redis.call('XLEN', keys.events)
redis.call('LLEN', queue.ready)
redis.call('ZCARD', keys.delayed)
redis.call('ZCARD', keys.prioritized)
redis.call('ZCARD', keys.marker)

-- Gives a job that exists already the parent of the add, unless it has a parent that lives. Nothing else of it changes.
local function adopt(id, parentKey, parentJson)
  local jobKey = prefix .. id
  local present = redis.call('HGET', jobKey, 'parentKey')
  if parentKey ~= '' then
    if present and present ~= parentKey and redis.call('EXISTS', present) == 1 then return -7 end
    local parent = parentOf(parentKey, parentJson)
    if not parent then error('its parentKey "' .. parentKey .. '" is not the key of a job', 0) end
    if redis.call('ZSCORE', prefix .. 'completed', id) then
      redis.call('HSET', parentKey .. ':processed', jobKey, redis.call('HGET', jobKey, 'returnvalue') or 'null')
      if not hasPendingChildren(parent) and waitsForChildren(parent) then releaseParent(parent, now, bullmq5) end
    else
      redis.call('SADD', parentKey .. ':dependencies', jobKey)
    end
    redis.call('HSET', jobKey, 'parentKey', parentKey, 'parent', parentJson)
  end
  redis.call('XADD', keys.events, '*', 'event', 'duplicated', 'jobId', id)
  return id
end

local count = (#ARGV - first + 1) / width
local ids, orphans = {}, 0
for n = 1, count do
  local parentKey = ARGV[first + (n - 1) * width + 8]
  if parentKey ~= '' and redis.call('EXISTS', parentKey) == 0 then
    ids[n] = -5
    orphans = orphans + 1
  end
end
local lastId = 0
if count > orphans then lastId = redis.call('INCRBY', keys.id, count - orphans) - (count - orphans) end
local left, right = {}, {}
local runnable, delayedAny = false, false

local stored  -- The id of the present job of each(), once anything of the job is written.
each(count, function(n)
  stored = nil
  if ids[n] then return end
  local at = first + (n - 1) * width
  local timestamp, delay, priority = ARGV[at + 3], ARGV[at + 4], ARGV[at + 5]
  local id, parentKey = ARGV[at + 6], ARGV[at + 8]
  local custom = id ~= ''
  lastId = lastId + 1
  if not custom then id = string.format('%.0f', lastId) end
  local jobKey = prefix .. id
  if custom and redis.call('EXISTS', jobKey) == 1 then
    ids[n] = adopt(id, parentKey, ARGV[at + 9])
    return
  end
  local name, data, opts, parentJson = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 9]
  if parentKey == '' then
    writeRecord(jobKey, name, data, opts, timestamp, delay, priority)
  else
    writeRecord(jobKey, name, data, opts, timestamp, delay, priority, 'parentKey', parentKey, 'parent', parentJson)
  end
  stored = id
  if parentKey ~= '' then redis.call('SADD', parentKey .. ':dependencies', jobKey) end
  redis.call('XADD', keys.events, '*', 'event', 'added', 'jobId', id, 'name', name)
  if tonumber(delay) > 0 then
    delayJob(keys, id, tonumber(timestamp) + tonumber(delay))
    delayedAny = true
  else
    if tonumber(priority) > 0 then
      redis.call('ZADD', keys.prioritized, priorityScore(keys.pc, tonumber(priority)), id)
    end
    redis.call('XADD', keys.events, '*', 'event', 'waiting', 'jobId', id)
    if tonumber(priority) <= 0 then
      local side = ARGV[at + 7] == '1' and right or left
      side[#side + 1] = id
    end
    runnable = true
  end
  ids[n] = id
end, function(n, why)
  ids[n] = { err = why }
  if not stored then return end
  leaveStates(keys, stored)
  redis.pcall('DEL', prefix .. stored)
  local parentKey = ARGV[first + (n - 1) * width + 8]
  if parentKey ~= '' then redis.pcall('SREM', parentKey .. ':dependencies', prefix .. stored) end
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
ids[count + 1] = queue.five and 1 or 0
return ids
