--[[
  Adds n standard jobs as BullMQ would one by one: every key, field, marker and event. No options are looked at.

  KEYS[1] id  [2] meta  [3] wait  [4] marker  [5] events
  ARGV[1] "<prefix>:<queue>:"  [2] now, ms  [3] opts (JSON)  [4] name  [5...] data of each job (JSON)

  Returns the id of the last job.
]]
local base, now, opts, name = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local count = #ARGV - 4
local last = redis.call("INCRBY", KEYS[1], count)
local meta = redis.call("HMGET", KEYS[2], "opts.maxLenEvents", "paused", "concurrency")
local maxEvents = meta[1]
if not maxEvents then
  maxEvents = "10000"
  redis.call("HSET", KEYS[2], "opts.maxLenEvents", maxEvents)
end
local ids = {}
for i = 1, count do
  local id = string.format("%d", last - count + i)
  ids[i] = id
  redis.call("HSET", base .. id, "name", name, "data", ARGV[4 + i], "opts", opts, "timestamp", now, "delay", "0",
    "priority", "0")
  redis.call("XADD", KEYS[5], "*", "event", "added", "jobId", id, "name", name)
  redis.call("XADD", KEYS[5], "*", "event", "waiting", "jobId", id)
end
redis.call("LPUSH", KEYS[3], unpack(ids))
if not meta[2] and not meta[3] then
  redis.call("ZADD", KEYS[4], 0, "0")
end
redis.call("XTRIM", KEYS[5], "MAXLEN", "~", maxEvents)
return last
