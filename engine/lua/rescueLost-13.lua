--[[
  Puts jobs back that are in no state: 5.x clients renamed a list over theirs (docs/wire-format.md#v5), or a script of some
  client ended half way. A finished job goes to its finished set. Also adds the next job of a deduplication id without an
  owner (docs/wire-format.md#v12).

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
  ARGV[1]  job key prefix    ARGV[2]  now, ms    ARGV[3]  "on", "auto", "seen" or "off": whether 5.x clients share the queue
  ARGV[4]  latest timestamp, ms: younger jobs are passed over    ARGV[5]  how many job ids follow; after them
           deduplication ids

  Returns  { rescued, problems }  rescued: the ids that were in no state    problems: id, text, id, text, … of jobs that
           could not be put back
  Events   per job: waiting, unless it ended; per deduplication id those of an add
]]
--- @keys
keys.prefix = ARGV[1]
local now, bullmq5, latest, count = tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])

--- @include "safely"
--- @include "events"
--- @include "markers"
--- @include "scores"
--- @include "queueState"
--- @include "storeJob"
--- @include "deduplication"
--- @include "states"

local queue = readQueue(keys, bullmq5)
local rescued = {}
each(count, function(n)
  local id = ARGV[5 + n]
  local values = redis.call('HMGET', keys.prefix .. id, 'timestamp', 'opts', 'finishedOn', 'returnvalue')
  local timestamp = tonumber(values[1])
  if not timestamp or timestamp > latest or not values[2] or isSomewhere(keys, id) then return end
  rescued[#rescued + 1] = id
  if values[3] then
    redis.call('ZADD', values[4] and keys.completed or keys.failed, tonumber(values[3]) and values[3] or ARGV[2], id)
    return
  end
  redis.call('RPUSH', queue.ready, id)
  redis.call('XADD', keys.events, '*', 'event', 'waiting', 'jobId', id)
end, function(n, why) note(ARGV[5 + n], why) end)
if #rescued > 0 and not queue.closed then pcall(markJob, keys.marker) end
for at = 6 + count, #ARGV do
  if redis.call('EXISTS', keys.prefix .. 'de:' .. ARGV[at]) == 0 then
    tryReleaseDeduplication(keys, ARGV[at], '', now, bullmq5)
  end
end
pcall(trimEvents, keys.events, keys.meta)
return { rescued, problems }
