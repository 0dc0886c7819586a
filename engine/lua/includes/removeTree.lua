--- @include "removeJob"

-- Returns the keys of the queue of a child, and the child's id. A key alone does not show where an id with colons begins: the
-- queue of the parent, and the first one that exists, go before the last colon.
local function locate(childKey, keys)
  local length = #keys.prefix
  if string.sub(childKey, 1, length) == keys.prefix then return keys, string.sub(childKey, length + 1) end
  local from = string.find(childKey, ':', 1, true)
  while from do
    from = string.find(childKey, ':', from + 1, true)
    local prefix = from and string.sub(childKey, 1, from)
    if prefix and redis.call('EXISTS', prefix .. 'meta') == 1 then
      return queueAt(prefix), string.sub(childKey, from + 1)
    end
  end
  local prefix, id = string.match(childKey, '^(.+:)([^:]+)$')
  return prefix and queueAt(prefix), id
end

-- Returns the cursor of the next page of a set of pending children, and the keys of this one. A set of one page is read as
-- BullMQ reads it: SSCAN has another order, and the events of the removal follow it.
local function pendingPage(key, cursor)
  if cursor == '0' and redis.call('SCARD', key) <= 100 then return { '0', redis.call('SMEMBERS', key) } end
  return redis.call('SSCAN', key, cursor, 'COUNT', 100)
end

-- Reads the keys of a job's children page by page and calls visit(child key, the key below the job that has it) until it
-- returns false. Pending children come last: while one is not read, the parent waits. Returns true if all were read.
local function eachChild(jobKey, pendingOnly, visit)
  local function scan(command, key, step)
    local cursor = '0'
    repeat
      local page = command and redis.call(command, key, cursor, 'COUNT', 100) or pendingPage(key, cursor)
      cursor = page[1]
      for at = 1, #page[2], step do
        if visit(page[2][at], key) == false then return false end
      end
    until cursor == '0'
    return true
  end
  if not pendingOnly then
    if not scan('HSCAN', jobKey .. ':processed', 2) or not scan('HSCAN', jobKey .. ':failed', 2) or
      not scan('ZSCAN', jobKey .. ':unsuccessful', 2) then
      return false
    end
  end
  return scan(nil, jobKey .. ':dependencies', 1)
end

-- Returns what a job costs in units of about ten microseconds: LREM walks the lists of its queue.
local costs = {}
local function costOf(keys)
  local cost = costs[keys.prefix]
  if not cost then
    local length = redis.call('LLEN', keys.wait) + redis.call('LLEN', keys.paused) + redis.call('LLEN', keys.active)
    cost = 2 + length / 250
    costs[keys.prefix] = cost
  end
  return cost
end

-- Plans the removal of a job with what is below it. `below`: "all" children, or "pending" ones but those that failed and those
-- that a worker holds, or nil: none. Returns { steps, whole, locked }: `steps` for runPlan(), of jobs below which all was read,
-- about `budget` units of cost and at least one job; whole: the job itself is among them, or stays; locked: a worker holds one
-- of the jobs, which cannot stay.
local function planRemoval(keys, id, below, budget)
  local plan = { steps = {}, locked = false }
  local seen, planned = {}, 0

  local function visit(at, jobId, heldIn)
    local jobKey = at.prefix .. jobId
    if seen[jobKey] then return true end
    seen[jobKey] = true
    if redis.call('EXISTS', jobKey .. ':lock') == 1 then
      if below == 'pending' then return true end
      plan.locked = true
      return false
    end
    if budget <= 0 and planned > 0 then return false end
    budget = budget - costOf(at)
    local detach = { keys = at, id = jobId, detach = true, heldIn = heldIn }
    plan.steps[#plan.steps + 1] = detach
    local complete = true
    if below then
      local parent = { key = jobKey, id = jobId, keys = at }
      complete = eachChild(jobKey, below == 'pending', function(childKey, holder)
        local childKeys, childId = locate(childKey, at)
        if not childId or below == 'pending' and redis.call('ZSCORE', childKeys.failed, childId) then return true end
        return visit(childKeys, childId, { holder, childKey, parent = parent })
      end)
    end
    if not complete then
      detach.keys = nil
      return false
    end
    plan.steps[#plan.steps + 1] = { keys = at, id = jobId, heldIn = heldIn }
    planned = planned + 1
    return true
  end

  plan.whole = visit(keys, id)
  return plan
end

-- Removes the jobs of a plan, children before their parents. Returns how many had keys.
local function runPlan(plan, bullmq5)
  local removed, queues = 0, {}
  for _, step in ipairs(plan.steps) do
    local keys, held = step.keys, step.heldIn
    if keys and step.detach then
      if held and redis.call('HEXISTS', keys.prefix .. step.id, 'parentKey') == 0 then
        childRemoved(held[2], held.parent, bullmq5)
      else
        detachJob(keys, step.id, bullmq5)
      end
    elseif keys then
      local state = leaveState(keys, step.id)
      if eraseJob(keys, step.id) > 0 then
        redis.call('XADD', keys.events, '*', 'event', 'removed', 'jobId', step.id, 'prev', state)
        queues[keys.events] = keys.meta
        removed = removed + 1
      end
      -- The parent may outlive this call, and its next one shall not read the child again.
      if held and not plan.whole then
        local kind = redis.call('TYPE', held[1]).ok
        if kind ~= 'none' then
          redis.call(kind == 'hash' and 'HDEL' or kind == 'zset' and 'ZREM' or 'SREM', held[1], held[2])
        end
      end
    end
  end
  for events, meta in pairs(queues) do pcall(trimEvents, events, meta) end
  return removed
end
