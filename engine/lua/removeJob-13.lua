--[[
  Removes a job that no worker holds, with its children and what is below them.

  KEYS[1]  wait              list    <prefix>:<queue>:wait
  KEYS[2]  paused            list    …:paused
  KEYS[3]  active            list    …:active
  KEYS[4]  prioritized       zset    …:prioritized
  KEYS[5]  delayed           zset    …:delayed
  KEYS[6]  completed         zset    …:completed
  KEYS[7]  failed            zset    …:failed
  KEYS[8]  waiting-children  zset    …:waiting-children
  KEYS[9]  events            stream  …:events
  KEYS[10] meta              hash    …:meta
  KEYS[11] marker            zset    …:marker
  KEYS[12] stalled           set     …:stalled
  KEYS[13] repeat            zset    …:repeat
  ARGV[1]  job key prefix    ARGV[2]  job id    ARGV[3]  "1" to remove its children too
  ARGV[4]  "on", "auto", "seen" or "off": whether 5.x clients share the queue
  ARGV[5]  bound of the cost of a call, in units of about ten microseconds. A tree beyond it needs further calls

  Returns  1 removed, or there is no such job; 0 a worker holds the job or one below it: this call removed nothing; 2 a part of
           what is below it was removed, call again; -8 it is the next job of a scheduler
  Events   removed per job, in its queue; before it waiting of a parent that waits for nothing else
]]
--- @keys
keys.prefix = ARGV[1]
local id, withChildren, bullmq5, budget = ARGV[2], ARGV[3] == '1', ARGV[4], tonumber(ARGV[5])

--- @include "safely"
--- @include "events"
--- @include "markers"
--- @include "scores"
--- @include "queueState"
--- @include "removeTree"

-- A key of another type ends the script here, before anything is written.
for _, list in ipairs({ keys.wait, keys.paused, keys.active }) do redis.call('LLEN', list) end
for _, set in ipairs({ keys.prioritized, keys.delayed, keys.completed, keys.failed, keys.waitingChildren, keys.marker }) do
  redis.call('ZCARD', set)
end
redis.call('XLEN', keys.events)
redis.call('SCARD', keys.stalled)
if isNextOfScheduler(keys, id, redis.call('HGET', keys.prefix .. id, 'rjk')) then return -8 end

local plan = planRemoval(keys, id, withChildren and 'all', budget)
if plan.locked then return 0 end
runPlan(plan, bullmq5)
return plan.whole and 1 or 2
