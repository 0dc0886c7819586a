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
  ARGV[1]  job key prefix    ARGV[2]  now, ms    ARGV[3]  "on", "auto", "seen" or "off": whether 5.x clients share the queue
  ARGV[4…]  four per job, the newest first so that the oldest ends up in front: id, lock token, epoch ms until which it
            is delayed (0: to the front), "1" if the claim shall not count as a start either

  Returns  one code per job: 0 done, -1 no hash, -2 no lock, -6 another worker's lock, -3 not active; after them problems,
           if there are any: id, text, id, text, … of jobs that failed here or were set aside (includes/safely)
  Events   per job: waiting with prev active, or delayed
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

redis.call('XLEN', keys.events)
redis.call('LLEN', keys.active)
redis.call('SCARD', keys.stalled)
redis.call('ZCARD', keys.delayed)
redis.call('ZCARD', keys.prioritized)
redis.call('ZCARD', keys.marker)
local queue = readQueue(keys, bullmq5)
redis.call('LLEN', queue.ready)

local ids, tokens = {}, {}
for at = 4, #ARGV, 4 do ids[#ids + 1], tokens[#tokens + 1] = ARGV[at], ARGV[at + 1] end
local codes = ownershipOf(prefix, ids, tokens)
local runnable, delayedAny = false, false

each(#ids, function(n)
  if codes[n] ~= 0 then return end
  local at, id = 4 + (n - 1) * 4, ids[n]
  local till, jobKey = tonumber(ARGV[at + 2]), prefix .. id
  local started, priority = unpack(redis.call('HMGET', jobKey, 'ats', 'priority'))
  codes[n] = leaveActive(keys, id)
  if codes[n] ~= 0 then return end
  started, priority = tonumber(started) or 0, tonumber(priority) or 0
  if ARGV[at + 3] == '1' and started > 0 then redis.call('HSET', jobKey, 'ats', string.format('%.0f', started - 1)) end
  if till > 0 then
    local delay = math.max(till - now, 0)
    redis.call('HSET', jobKey, 'delay', string.format('%.0f', delay))
    delayJob(keys, id, now + delay)
    delayedAny = true
    return
  end
  if priority > 0 then
    -- The front of its priority. BullMQ writes no marker here either.
    redis.call('ZADD', keys.prioritized, string.format('%.0f', priority * 4294967296), id)
  else
    redis.call('RPUSH', queue.ready, id)
    runnable = true
  end
  redis.call('XADD', keys.events, '*', 'event', 'waiting', 'jobId', id, 'prev', 'active')
end, function(n, why) setAside(keys, ids[n], 'it could not be handed back: ' .. why, now) end)

if runnable and not readQueue(keys, bullmq5).closed then pcall(markJob, keys.marker) end
if delayedAny then pcall(markDelayed, keys.marker, keys.delayed) end
pcall(trimEvents, keys.events, keys.meta)
if #problems > 0 then codes[#codes + 1] = problems end
return codes
