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
  ARGV[1]  job key prefix    ARGV[2]  now, ms    ARGV[3]  "on", "auto" or "off": whether 5.x clients share the queue
  ARGV[4…]  six per job: id, lock token, backoff ms (0: at once), "1" for lifo, reason, stack trace (JSON array)

  Returns  one code per job: 0 done, -1 no hash, -2 no lock, -6 another worker's lock, -3 not active
  Events   per job: delayed, or waiting with prev active; before them the promotions that were due
]]
local keys = {
  active = KEYS[1], wait = KEYS[2], prioritized = KEYS[3], delayed = KEYS[4], events = KEYS[5], meta = KEYS[6],
  marker = KEYS[7], stalled = KEYS[8], pc = KEYS[9], paused = KEYS[10], prefix = ARGV[1],
}
local prefix, now, bullmq5 = ARGV[1], tonumber(ARGV[2]), ARGV[3]

--- @include "events"
--- @include "markers"
--- @include "scores"
--- @include "queueState"
--- @include "locks"
--- @include "storeJob"
--- @include "promoteDelayed"

local codes = {}
local queue = readQueue(keys, bullmq5)
local runnable = promoteDelayed(keys, queue, now) > 0
local delayedAny = false

for at = 4, #ARGV, 6 do
  local id, token, backoff, lifo = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2]), ARGV[at + 3] == '1'
  local jobKey = prefix .. id
  local code = -1
  local atm, priority = unpack(redis.call('HMGET', jobKey, 'atm', 'priority'))
  if atm or priority or redis.call('EXISTS', jobKey) == 1 then code = releaseLock(jobKey, keys.stalled, id, token) end
  if code == 0 and redis.call('LREM', keys.active, -1, id) == 0 then code = -3 end
  if code == 0 then
    redis.call('HSET', jobKey, 'failedReason', ARGV[at + 4], 'stacktrace', ARGV[at + 5], 'atm', (tonumber(atm) or 0) + 1)
    priority = tonumber(priority) or 0
    if backoff > 0 then
      redis.call('HSET', jobKey, 'delay', backoff)
      delayJob(keys, id, now + backoff)
      delayedAny = true
    else
      enqueue(keys, queue, id, priority, lifo and 'RPUSH' or 'LPUSH')
      redis.call('XADD', keys.events, '*', 'event', 'waiting', 'jobId', id, 'prev', 'active')
      runnable = true
    end
  end
  codes[#codes + 1] = code
end

if runnable and not readQueue(keys, bullmq5).closed then markJob(keys.marker) end
if delayedAny then markDelayed(keys.marker, keys.delayed) end
trimEvents(keys.events, keys.meta)
return codes
