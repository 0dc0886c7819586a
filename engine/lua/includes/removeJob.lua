--- @include "jobKeys"
--- @include "parents"

-- Removes jobs at the request of a client. A removal is hard if it belongs to an operation on a whole queue: the parent that
-- waited for nothing else goes as well if it is in the same queue, and its ancestors likewise; one in another queue runs,
-- without event. After a removal that is not hard the parent runs.

-- Returns true if the job is the next one of a scheduler that goes on. `scheduler`: the field rjk of the job.
local function isNextOfScheduler(keys, id, scheduler)
  local due = scheduler and redis.call('ZSCORE', keys.prefix .. 'repeat', scheduler)
  return due and id == 'repeat:' .. scheduler .. ':' .. string.format('%.0f', tonumber(due))
end

-- Removes a job from the state that it is in. Returns the name of the state.
local function leaveState(keys, id)
  for _, state in ipairs({ 'completed', 'waiting-children', 'delayed', 'failed', 'prioritized' }) do
    if redis.call('ZREM', keys.prefix .. state, id) == 1 then return state end
  end
  for _, state in ipairs({ 'wait', 'paused', 'active' }) do
    if redis.call('LREM', keys.prefix .. state, 0, id) > 0 then
      if state == 'active' then redis.call('SREM', keys.prefix .. 'stalled', id) end
      return state
    end
  end
  return 'unknown'
end

local detachJob

-- Deletes a job that is in no state any more, and its hold on a deduplication id with the job kept back for its end. Returns
-- how many keys there were.
local function eraseJob(keys, id)
  local deduplication = redis.call('HGET', keys.prefix .. id, 'deid')
  if deduplication then
    local ownerKey = keys.prefix .. 'de:' .. deduplication
    if redis.call('GET', ownerKey) == id then redis.call('DEL', ownerKey, keys.prefix .. 'dn:' .. deduplication) end
  end
  return deleteJob(keys.prefix .. id)
end

-- Removes a job from what its parent waits for.
detachJob = function(keys, id, bullmq5, hard)
  local jobKey = keys.prefix .. id
  local values = redis.call('HMGET', jobKey, 'parentKey', 'parent')
  local parent = values[1] and parentOf(values[1], values[2])
  if not parent then return end
  if not hard or parent.keys.prefix ~= keys.prefix then
    childRemoved(jobKey, parent, bullmq5, hard)
    return
  end
  leaveParent(jobKey, parent, function()
    if hasPendingChildren(parent) or not waitsForChildren(parent) then return end
    detachJob(keys, parent.id, bullmq5, hard)
    surely('ZREM', parent.keys.waitingChildren, parent.id)
    eraseJob(keys, parent.id)
  end)
end

-- Removes a job: from its parent, from its state, and all of its keys but the lock. Returns the name of the state that it was in
-- ("unknown": none), and how many keys there were. Keys of another type end it before the job leaves its state.
local function removeJob(keys, id, bullmq5, hard)
  detachJob(keys, id, bullmq5, hard)
  local state = leaveState(keys, id)
  return state, eraseJob(keys, id)
end
