--- @include "jobKeys"
--- @include "parents"
--- @include "storeJob"

-- Gives a job that exists already the parent of the add, unless it has a parent that lives. Nothing else of it changes. Returns
-- its id and 'duplicated', or -7. Inside a flow the parent is released at the end of the flow, by the caller.
local function adoptJob(keys, id, job, now, bullmq5)
  local jobKey, parentKey = keys.prefix .. id, job.parentKey
  if parentKey then
    local present = redis.call('HGET', jobKey, 'parentKey')
    if present and present ~= parentKey and redis.call('EXISTS', present) == 1 then
      if job.inFlow then redis.call('HSET', parentKey, 'flowAttachmentFailed', '1') end
      return -7
    end
    local parent = parentOf(parentKey, job.parent)
    if not parent then error('its parentKey "' .. parentKey .. '" is not the key of a job', 0) end
    if redis.call('ZSCORE', keys.prefix .. 'completed', id) then
      redis.call('HSET', parentKey .. ':processed', jobKey, redis.call('HGET', jobKey, 'returnvalue') or 'null')
      if not job.inFlow and not hasPendingChildren(parent) and waitsForChildren(parent) then
        releaseParent(parent, now, bullmq5)
      end
    else
      redis.call('SADD', parentKey .. ':dependencies', jobKey)
    end
    redis.call('HSET', jobKey, 'parentKey', parentKey, 'parent', job.parent)
  end
  redis.call('XADD', keys.events, '*', 'event', 'duplicated', 'jobId', id)
  return id, 'duplicated'
end

-- Returns nil if a job with this deduplication id may be stored as `id`: then it owns the deduplication id. Otherwise returns
-- the owner's id, and true if the owner's due time has moved. Everything is read before anything is written.
local function deduplicate(keys, queue, id, job)
  local ownerKey, nextKey = keys.prefix .. 'de:' .. job.deduplication, keys.prefix .. 'dn:' .. job.deduplication
  local ttl, keepLast = tonumber(job.ttl) or 0, job.keepLastIfActive
  local replace, reschedule = job.replace and not job.children, job.reschedule and not job.children
  local function own(owner)
    if ttl > 0 and not keepLast then
      surely('SET', ownerKey, owner, 'PX', job.ttl)
    else
      surely('SET', ownerKey, owner)
    end
  end
  local function tell(owner, other)
    redis.pcall('XADD', keys.events, '*', 'event', 'deduplicated', 'jobId', owner, 'deduplicationId', job.deduplication,
      'deduplicatedJobId', other)
  end

  local owner = redis.call('GET', ownerKey)
  if not owner then
    -- 5.48.1 leaves behind what waited for the end of an owner (docs/wire-format.md#deduplication).
    if queue.five then redis.call('DEL', nextKey) end
    own(id)
    return
  end
  local ownerJob = keys.prefix .. owner
  local delayed = (replace or reschedule) and redis.call('ZSCORE', keys.delayed, owner)
  if replace and delayed then
    local gone = { ownerJob, nextKey }
    addKeysBelow(gone, ownerJob)
    redis.call('ZREM', keys.delayed, owner)
    surely('DEL', unpack(gone))
    redis.pcall('XADD', keys.events, '*', 'event', 'removed', 'jobId', owner, 'prev', 'delayed')
    tell(id, owner)
    if ttl > 0 and not keepLast and not job.extend then
      surely('SET', ownerKey, id, 'KEEPTTL')
    else
      own(id)
    end
    return
  end
  if redis.call('PTTL', ownerKey) == -1 and redis.call('EXISTS', ownerJob) == 0 then
    redis.call('DEL', nextKey)
    own(id)
    return
  end
  if keepLast and redis.call('LPOS', keys.active, owner) then
    local kept = { 'name', job.name, 'data', job.data, 'opts', job.opts, 'jid', id }
    local function add(field, value)
      if value then
        kept[#kept + 1] = field
        kept[#kept + 1] = value
      end
    end
    add('pk', job.parentKey)
    add('pd', job.parent)
    add('pdk', job.parentKey and job.parentKey .. ':dependencies')
    add('rjk', job.scheduler)
    redis.call('DEL', nextKey)
    surely('HSET', nextKey, unpack(kept))
    surely('PERSIST', ownerKey)
    tell(owner, id)
    return owner
  end
  if replace then return owner end
  if ttl > 0 and job.extend then own(owner) end
  tell(owner, id)
  if not reschedule or not delayed then return owner end
  redis.call('HSET', ownerJob, 'delay', job.delay)
  delayJob(keys, owner, tonumber(job.timestamp) + math.max(tonumber(job.delay), 0))
  return owner, true
end

-- Adds a job with any options: `job` is as for storeJob, but for its id. It has what it needs of customId, inFlow (the adds of
-- one flow: see adoptJob) and of the modes of its deduplication: ttl (ms, text), extend, replace, reschedule, keepLastIfActive.
-- Its parent exists. `newId` was drawn from the counter for it.
-- Returns the job's id and nil; the id of a job that exists, and 'duplicated' or 'deduplicated'; or -7. After them true if a
-- job may run now, and true if the delayed jobs changed: the caller writes the markers. An error leaves nothing of the job.
local function addJob(keys, queue, job, newId, now, bullmq5, push)
  local id = job.customId or newId
  if job.customId and redis.call('EXISTS', keys.prefix .. id) == 1 then return adoptJob(keys, id, job, now, bullmq5) end
  if job.deduplication then
    local owner, moved = deduplicate(keys, queue, id, job)
    if owner then return owner, 'deduplicated', false, moved end
  end
  job.id = id
  local dependenciesKey = job.parentKey and job.parentKey .. ':dependencies'
  local ready, delayed
  local done, why = pcall(function()
    if dependenciesKey then redis.call('SADD', dependenciesKey, keys.prefix .. id) end
    ready, delayed = storeJob(keys, queue, job, push)
  end)
  if not done then
    if dependenciesKey then redis.pcall('SREM', dependenciesKey, keys.prefix .. id) end
    local ownerKey = job.deduplication and keys.prefix .. 'de:' .. job.deduplication
    if ownerKey and redis.pcall('GET', ownerKey) == id then redis.pcall('DEL', ownerKey) end
    error(errorText(why), 0)
  end
  return id, nil, ready, delayed
end
