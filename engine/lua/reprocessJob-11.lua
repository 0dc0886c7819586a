--[[
  Makes a completed or failed job run again, by its priority.

  KEYS[1]  wait         list    <prefix>:<queue>:wait
  KEYS[2]  paused       list    …:paused
  KEYS[3]  active       list    …:active
  KEYS[4]  prioritized  zset    …:prioritized
  KEYS[5]  completed    zset    …:completed
  KEYS[6]  failed       zset    …:failed
  KEYS[7]  events       stream  …:events
  KEYS[8]  meta         hash    …:meta
  KEYS[9]  marker       zset    …:marker
  KEYS[10] pc           string  …:pc
  KEYS[11] job          hash    <prefix>:<queue>:<id>
  ARGV[1]  job key prefix    ARGV[2]  job id    ARGV[3]  "completed" or "failed": the state that it is in
  ARGV[4]  "1" to count attempts made from 0 again    ARGV[5]  "1" to count attempts started from 0 again
  ARGV[6]  "on", "auto", "seen" or "off": whether 5.x clients share the queue

  Returns  0 done, -1 no such job, -3 not in that state
  Events   waiting with prev completed or failed
]]
--- @keys
keys.prefix = ARGV[1]
local id, state, bullmq5 = ARGV[2], ARGV[3], ARGV[6]
local stateKey = keys[state]

--- @include "safely"
--- @include "events"
--- @include "markers"
--- @include "scores"
--- @include "queueState"
--- @include "reprocess"

if redis.call('EXISTS', keys.job) == 0 then return -1 end
if not redis.call('ZSCORE', stateKey, id) then return -3 end
-- A key of another type ends the script here, before anything is written.
redis.call('XLEN', keys.events)
redis.call('ZCARD', keys.prioritized)
redis.call('ZCARD', keys.marker)
local values = redis.call('HMGET', keys.job, 'priority', 'opts')
local known, opts = pcall(cjson.decode, values[2] or '')
local lifo = known and type(opts) == 'table' and opts.lifo
local queue = readQueue(keys, bullmq5)
redis.call('LLEN', queue.ready)

-- The parent first: an error there leaves the job in its state.
returnToParent(keys, id, state)
enqueue(keys, queue, id, tonumber(values[1] or 0) or 0, lifo and 'RPUSH' or 'LPUSH')
surely('ZREM', stateKey, id)
surely('HDEL', keys.job, endedFields(state))
-- Readers prefer the oldest name of the counter.
if ARGV[4] == '1' then surely('HDEL', keys.job, 'atm', 'attemptsMade') end
if ARGV[5] == '1' then surely('HDEL', keys.job, 'ats') end
if not queue.closed then pcall(markJob, keys.marker) end
redis.pcall('XADD', keys.events, '*', 'event', 'waiting', 'jobId', id, 'prev', state)
pcall(trimEvents, keys.events, keys.meta)
return 0
