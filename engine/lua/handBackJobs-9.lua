--[[
  Returns n active jobs without counting an attempt: to the front of their queue, or to delayed until a given time.

  KEYS[1]  active       list    <prefix>:<queue>:active
  KEYS[2]  wait         list    …:wait
  KEYS[3]  prioritized  zset    …:prioritized
  KEYS[4]  delayed      zset    …:delayed
  KEYS[5]  events       stream  …:events
  KEYS[6]  meta         hash    …:meta
  KEYS[7]  marker       zset    …:marker
  KEYS[8]  stalled      set     …:stalled
  KEYS[9]  paused       list    …:paused
  ARGV[1]  job key prefix    ARGV[2]  now, ms    ARGV[3]  "on", "auto" or "off": whether 5.x clients share the queue
  ARGV[4…]  four per job, the newest first so that the oldest ends up in front: id, lock token, epoch ms until which it
            is delayed (0: to the front), "1" if the claim shall not count as a start either

  Returns  one code per job: 0 done, -1 no hash, -2 no lock, -6 another worker's lock, -3 not active
  Events   per job: waiting with prev active, or delayed
]]
local keys = {
  active = KEYS[1], wait = KEYS[2], prioritized = KEYS[3], delayed = KEYS[4], events = KEYS[5], meta = KEYS[6],
  marker = KEYS[7], stalled = KEYS[8], paused = KEYS[9], prefix = ARGV[1],
}
local prefix, now, bullmq5 = ARGV[1], tonumber(ARGV[2]), ARGV[3]

--- @include "events"
--- @include "markers"
--- @include "scores"
--- @include "queueState"
--- @include "locks"
--- @include "storeJob"

local codes = {}
local queue = readQueue(keys, bullmq5)
local runnable, delayedAny = false, false

for at = 4, #ARGV, 4 do
  local id, token, till = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
  local jobKey = prefix .. id
  local code = -1
  if redis.call('EXISTS', jobKey) == 1 then code = releaseLock(jobKey, keys.stalled, id, token) end
  if code == 0 and redis.call('LREM', keys.active, -1, id) == 0 then code = -3 end
  if code == 0 then
    if ARGV[at + 3] == '1' then redis.call('HINCRBY', jobKey, 'ats', -1) end
    if till > 0 then
      local delay = math.max(till - now, 0)
      redis.call('HSET', jobKey, 'delay', string.format('%.0f', delay))
      delayJob(keys, id, now + delay)
      delayedAny = true
    else
      local priority = tonumber(redis.call('HGET', jobKey, 'priority') or 0) or 0
      if priority > 0 then
        -- The front of its priority; no marker, as BullMQ has it.
        redis.call('ZADD', keys.prioritized, string.format('%.0f', priority * 4294967296), id)
      else
        redis.call('RPUSH', queue.ready, id)
        runnable = true
      end
      redis.call('XADD', keys.events, '*', 'event', 'waiting', 'jobId', id, 'prev', 'active')
    end
  end
  codes[#codes + 1] = code
end

if runnable and not readQueue(keys, bullmq5).closed then markJob(keys.marker) end
if delayedAny then markDelayed(keys.marker, keys.delayed) end
trimEvents(keys.events, keys.meta)
return codes
