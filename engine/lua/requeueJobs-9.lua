--[[
  Makes many jobs of one state run, whatever their priority: one call of retryJobs or promoteJobs.

  KEYS[1]  wait       list    <prefix>:<queue>:wait
  KEYS[2]  paused     list    …:paused
  KEYS[3]  active     list    …:active
  KEYS[4]  delayed    zset    …:delayed
  KEYS[5]  completed  zset    …:completed
  KEYS[6]  failed     zset    …:failed
  KEYS[7]  events     stream  …:events
  KEYS[8]  meta       hash    …:meta
  KEYS[9]  marker     zset    …:marker
  ARGV[1]  job key prefix    ARGV[2]  "failed", "completed" or "delayed"    ARGV[3]  highest score    ARGV[4]  most jobs
  ARGV[5]  now, ms    ARGV[6]  "on", "auto", "seen" or "off": whether 5.x clients share the queue

  Returns  { moved, looked at, problems }    problems: id, text, id, text, … of jobs that were set aside (includes/safely), or
           whose parent could not be updated
  Events   per job: waiting with its state as prev
]]
--- @keys
keys.prefix = ARGV[1]
local state, most, now, bullmq5 = ARGV[2], tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
local stateKey, prefix = keys[state], keys.prefix

--- @include "safely"
--- @include "events"
--- @include "markers"
--- @include "scores"
--- @include "queueState"
--- @include "reprocess"

local ids = redis.call('ZRANGEBYSCORE', stateKey, '-inf', ARGV[3], 'LIMIT', 0, most)
if #ids == 0 then return { 0, 0, problems } end
-- A key of another type ends the script here, before anything is written.
redis.call('XLEN', keys.events)
redis.call('ZCARD', keys.marker)
local queue = readQueue(keys, bullmq5)
redis.call('LLEN', queue.ready)

local moving, broken = {}, {}
each(#ids, function(n)
  local id = ids[n]
  if redis.call('HLEN', prefix .. id) == 0 then return end  -- Nothing to run.
  if state ~= 'delayed' then
    local done, why = pcall(returnToParent, keys, id, state)
    if not done then note(id, 'its parent cannot wait for it: ' .. errorText(why)) end
    redis.call('HDEL', prefix .. id, endedFields(state))
  end
  moving[#moving + 1] = id
end, function(n, why) broken[#broken + 1] = { ids[n], why } end)
for from = 1, #moving, 1000 do
  surely('LPUSH', queue.ready, unpack(moving, from, math.min(from + 999, #moving)))
end
for from = 1, #ids, 1000 do surely('ZREM', stateKey, unpack(ids, from, math.min(from + 999, #ids))) end
for _, job in ipairs(broken) do setAside(keys, job[1], job[2], now) end
for _, id in ipairs(moving) do
  redis.pcall('XADD', keys.events, '*', 'event', 'waiting', 'jobId', id, 'prev', state)
end
if #moving > 0 and not queue.closed then pcall(markJob, keys.marker) end
pcall(trimEvents, keys.events, keys.meta)
return { #moving, #ids, problems }
