--[[
  Removes the pending children of a job, with their pending children. A child that failed stays, and one that a worker holds,
  each with the jobs below it; the jobs above them go.

  KEYS[1]  wait         list    <prefix>:<queue>:wait
  KEYS[2]  paused       list    …:paused
  KEYS[3]  active       list    …:active
  KEYS[4]  prioritized  zset    …:prioritized
  KEYS[5]  delayed      zset    …:delayed
  KEYS[6]  failed       zset    …:failed
  KEYS[7]  events       stream  …:events
  KEYS[8]  meta         hash    …:meta
  KEYS[9]  marker       zset    …:marker
  ARGV[1]  job key prefix    ARGV[2]  job id    ARGV[3]  "on", "auto", "seen" or "off": whether 5.x clients share the queue
  ARGV[4]  cursor of the call before, "0" at first    ARGV[5]  bound of the cost of a call, in units of about ten microseconds

  Returns  { cursor for the next call, jobs removed, 1: done or 0 }
  Events   removed per job, in its queue; waiting of a parent that waits for nothing else
]]
--- @keys
keys.prefix = ARGV[1]
local id, bullmq5, cursor, budget = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])

--- @include "safely"
--- @include "events"
--- @include "markers"
--- @include "scores"
--- @include "queueState"
--- @include "removeTree"

-- A key of another type ends the script here, before anything is written.
for _, list in ipairs({ keys.wait, keys.paused, keys.active }) do redis.call('LLEN', list) end
for _, set in ipairs({ keys.prioritized, keys.delayed, keys.failed, keys.marker }) do redis.call('ZCARD', set) end
redis.call('XLEN', keys.events)

local page = pendingPage(keys.prefix .. id .. ':dependencies', cursor)
local removed = 0
for _, childKey in ipairs(page[2]) do
  if budget <= 0 then
    -- The rest of the page comes again, unless all that was looked at stays.
    if removed > 0 then return { cursor, removed, 0 } end
    break
  end
  local at, childId = locate(childKey, keys)
  if childId and not redis.call('ZSCORE', at.failed, childId) then
    local plan = planRemoval(at, childId, 'pending', budget)
    budget = budget - costOf(at) * math.max(#plan.steps / 2, 1)
    removed = removed + runPlan(plan, bullmq5)
    if not plan.whole then return { cursor, removed, 0 } end
  end
end
return { page[1], removed, page[1] == '0' and 1 or 0 }
