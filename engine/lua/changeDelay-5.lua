--[[
  Changes when a delayed job may run.

  KEYS[1]  job      hash    <prefix>:<queue>:<id>
  KEYS[2]  delayed  zset    <prefix>:<queue>:delayed
  KEYS[3]  events   stream  …:events
  KEYS[4]  meta     hash    …:meta
  KEYS[5]  marker   zset    …:marker
  ARGV[1]  job id    ARGV[2]  now, ms    ARGV[3]  delay from now, ms

  Returns  0 done, -1 no such job, -3 not delayed
  Events   delayed
]]
--- @keys
local id, now, delay = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])

--- @include "safely"
--- @include "events"
--- @include "markers"
--- @include "scores"

if redis.call('EXISTS', keys.job) == 0 then return -1 end
if not redis.call('ZSCORE', keys.delayed, id) then return -3 end
-- A key of another type ends the script here, before anything is written.
redis.call('XLEN', keys.events)
redis.call('ZCARD', keys.marker)
redis.call('HGET', keys.meta, 'opts.maxLenEvents')

local due = now + delay
local score = delayedScore(keys.delayed, due)
redis.call('HSET', keys.job, 'delay', ARGV[3])
surely('ZADD', keys.delayed, score, id)
redis.pcall('XADD', keys.events, '*', 'event', 'delayed', 'jobId', id, 'delay', string.format('%.0f', due))
pcall(markDelayed, keys.marker, keys.delayed)
pcall(trimEvents, keys.events, keys.meta)
return 0
