--[[
  Puts jobs that are in no state where their fields say that they belong: to an end, behind pending children, until their due
  time, to their priority, or to the tail of wait.

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
  KEYS[13] stalled           set     …:stalled
  ARGV[1]  job key prefix    ARGV[2]  now, ms    ARGV[3]  "on", "auto", "seen" or "off": whether 5.x clients share the queue
  ARGV[4]  latest timestamp, ms: younger jobs are passed over    ARGV[5…]  ids

  Returns  { ids that were put back }
  Events   per job: waiting, delayed or waiting-children, unless it ended
]]
--- @keys
keys.prefix = ARGV[1]
local prefix, now, bullmq5, latest = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])

--- @include "safely"
--- @include "events"
--- @include "markers"
--- @include "scores"
--- @include "queueState"
--- @include "states"
--- @include "examination"

local queue = readQueue(keys, bullmq5)
local placed, ready = {}, false
each(#ARGV - 4, function(n)
  local id = ARGV[4 + n]
  if faults['lost-job'](keys, prefix, id, latest) == 0 then return end
  local values = redis.call('HMGET', prefix .. id, 'timestamp', 'finishedOn', 'returnvalue', 'delay', 'priority', 'igdp')
  local due = tonumber(values[1]) + (numberOf(values[4]) or 0)
  if values[2] then
    redis.call('ZADD', values[3] and keys.completed or keys.failed, tonumber(values[2]) and values[2] or ARGV[2], id)
  elseif not values[6] and redis.call('SCARD', prefix .. id .. ':dependencies') > 0 then
    redis.call('ZADD', keys.waitingChildren, values[1], id)
    redis.call('XADD', keys.events, '*', 'event', 'waiting-children', 'jobId', id)
  elseif due > now then
    delayJob(keys, id, due)
    markDelayed(keys.marker, keys.delayed)
  else
    enqueue(keys, queue, id, numberOf(values[5]) or 0, 'RPUSH')
    redis.call('XADD', keys.events, '*', 'event', 'waiting', 'jobId', id)
    ready = true
  end
  placed[#placed + 1] = id
end, function() end)
if ready and not queue.closed then pcall(markJob, keys.marker) end
pcall(trimEvents, keys.events, keys.meta)
return placed
