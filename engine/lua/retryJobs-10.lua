--[[
  Ends failed attempts that are to be repeated: n jobs leave active, for delayed or straight for wait.

  KEYS[1]  active       list    <prefix>:<queue>:active
  KEYS[2]  wait         list    …:wait
  KEYS[3]  prioritized  zset    …:prioritized
  KEYS[4]  delayed      zset    …:delayed
  KEYS[5]  events       stream  …:events
  KEYS[6]  meta         hash    …:meta
  KEYS[7]  marker       zset    …:marker
  KEYS[8]  stalled      set     …:stalled
  KEYS[9]  pc           string  …:pc
  KEYS[10] paused       list    …:paused
  ARGV[1]  job key prefix    ARGV[2]  now, ms    ARGV[3]  "on", "auto", "seen" or "off": whether 5.x clients share the queue
  ARGV[4…]  seven per job: id, lock token, backoff ms (0: at once), "1" for lifo, reason, stack trace (JSON array), attempts
            made, this one included

  Returns  one code per job: 0 done, -1 no hash, -2 no lock, -6 another worker's lock, -3 not active; after them problems,
           if there are any: id, text, id, text, … of jobs that failed here or were set aside (includes/safely)
  Events   per job: delayed, or waiting with prev active, or failed beside 5.48.1; before them the promotions that were due
]]
--- @keys
keys.prefix = ARGV[1]
local prefix, now, bullmq5 = ARGV[1], tonumber(ARGV[2]), ARGV[3]

--- @include "safely"
--- @include "events"
--- @include "markers"
--- @include "scores"
--- @include "queueState"
--- @include "locks"
--- @include "promoteDelayed"

redis.call('XLEN', keys.events)
redis.call('LLEN', keys.active)
redis.call('SCARD', keys.stalled)
redis.call('ZCARD', keys.delayed)
redis.call('ZCARD', keys.prioritized)
redis.call('ZCARD', keys.marker)
local queue = readQueue(keys, bullmq5)
redis.call('LLEN', queue.ready)

local ids, tokens = {}, {}
for at = 4, #ARGV, 7 do ids[#ids + 1], tokens[#tokens + 1] = ARGV[at], ARGV[at + 1] end
local codes = ownershipOf(prefix, ids, tokens)
local runnable = promoteDelayed(keys, queue, now) > 0
local delayedAny = false

each(#ids, function(n)
  if codes[n] ~= 0 then return end
  local at, id = 4 + (n - 1) * 7, ids[n]
  local backoff, lifo, jobKey = tonumber(ARGV[at + 2]), ARGV[at + 3] == '1', prefix .. id
  local priority = redis.call('HGET', jobKey, 'priority')
  codes[n] = leaveActive(keys, id)
  if codes[n] ~= 0 then return end
  redis.call('HSET', jobKey, 'failedReason', ARGV[at + 4], 'stacktrace', ARGV[at + 5], 'atm', ARGV[at + 6])
  -- Readers prefer the oldest name of the counter, which would hide this count.
  redis.call('HDEL', jobKey, 'attemptsMade')
  if backoff > 0 then
    redis.call('HSET', jobKey, 'delay', ARGV[at + 2])
    delayJob(keys, id, now + backoff)
    delayedAny = true
  else
    enqueue(keys, queue, id, tonumber(priority) or 0, lifo and 'RPUSH' or 'LPUSH')
    redis.call('XADD', keys.events, '*', 'event', 'waiting', 'jobId', id, 'prev', queue.retriedFrom)
    runnable = true
  end
end, function(n, why) setAside(keys, ids[n], ARGV[4 + (n - 1) * 7 + 4] .. ', but no retry could be stored: ' .. why, now) end)

if runnable and not readQueue(keys, bullmq5).closed then pcall(markJob, keys.marker) end
if delayedAny then pcall(markDelayed, keys.marker, keys.delayed) end
pcall(trimEvents, keys.events, keys.meta)
if #problems > 0 then codes[#codes + 1] = problems end
return codes
