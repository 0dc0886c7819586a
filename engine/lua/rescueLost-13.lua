--[[
  Puts jobs back that 5.x clients lost: a job whose hash is in no state, because a list was renamed over the one it was in,
  and the next job of a deduplication id that nobody owns any more (contract section 9a.2, C5 and C12).

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
  KEYS[12] pc                string  …:pc
  KEYS[13] id                string  …:id
  ARGV[1]  job key prefix    ARGV[2]  now, ms    ARGV[3]  "on", "auto" or "off": whether 5.x clients share the queue
  ARGV[4]  how many job ids follow; after them deduplication ids

  Returns  the ids that went back to wait
  Events   per job: waiting; per deduplication id those of an add
]]
local keys = {
  wait = KEYS[1], paused = KEYS[2], active = KEYS[3], prioritized = KEYS[4], delayed = KEYS[5], completed = KEYS[6],
  failed = KEYS[7], waitingChildren = KEYS[8], events = KEYS[9], meta = KEYS[10], marker = KEYS[11], pc = KEYS[12],
  id = KEYS[13], prefix = ARGV[1],
}
local now, bullmq5, count = tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])

--- @include "events"
--- @include "markers"
--- @include "scores"
--- @include "queueState"
--- @include "storeJob"
--- @include "deduplication"

local function isSomewhere(id)
  for _, key in ipairs({ keys.prioritized, keys.delayed, keys.completed, keys.failed, keys.waitingChildren }) do
    if redis.call('ZSCORE', key, id) then return true end
  end
  for _, key in ipairs({ keys.wait, keys.paused, keys.active }) do
    if redis.call('LPOS', key, id) then return true end
  end
  return false
end

local queue = readQueue(keys, bullmq5)
local rescued = {}
for at = 5, 4 + count do
  local id = ARGV[at]
  local values = redis.call('HMGET', keys.prefix .. id, 'timestamp', 'opts', 'finishedOn')
  if values[1] and values[2] and not values[3] and not isSomewhere(id) then
    redis.call('RPUSH', queue.ready, id)
    redis.call('XADD', keys.events, '*', 'event', 'waiting', 'jobId', id)
    rescued[#rescued + 1] = id
  end
end
if #rescued > 0 and not queue.closed then markJob(keys.marker) end
for at = 5 + count, #ARGV do
  if redis.call('EXISTS', keys.prefix .. 'de:' .. ARGV[at]) == 0 then
    releaseDeduplication(keys, ARGV[at], '', now, bullmq5)
  end
end
trimEvents(keys.events, keys.meta)
return rescued
