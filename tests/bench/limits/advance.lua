--[[
  Finishes n jobs as completed and removed, then takes up to m waiting ones: every check, key, field, marker and event of
  BullMQ for standard jobs with removeOnComplete.

  KEYS[1] wait  [2] active  [3] marker  [4] events  [5] meta  [6] stalled  [7] delayed  [8] prioritized
  ARGV[1] "<prefix>:<queue>:"  [2] now, ms  [3] lock token  [4] lock duration, ms  [5] m  [6...] ids of finished jobs

  Returns {id, fields of its hash, id, fields ...} of the jobs taken.
]]
local base, now, token = ARGV[1], ARGV[2], ARGV[3]
local meta = redis.call("HMGET", KEYS[5], "opts.maxLenEvents", "paused", "concurrency")
local finished = #ARGV - 5
if finished > 0 then
  local gone, ids, jobs, locks, blockers = {}, {}, {}, {}, {}
  for i = 1, finished do
    local id = ARGV[5 + i]
    local job = base .. id
    ids[i], jobs[i], locks[i] = id, job, job .. ":lock"
    blockers[2 * i - 1], blockers[2 * i] = job .. ":dependencies", job .. ":unsuccessful"
    local at = 7 * (i - 1)
    gone[at + 1], gone[at + 2], gone[at + 3], gone[at + 4] = job, job .. ":lock", job .. ":logs", job .. ":dependencies"
    gone[at + 5], gone[at + 6], gone[at + 7] = job .. ":processed", job .. ":failed", job .. ":unsuccessful"
  end
  -- The checks of all jobs at once; only a failed one would need to know which job it was.
  if redis.call("EXISTS", unpack(jobs)) ~= finished then return redis.error_reply("-1 a job is gone") end
  if redis.call("EXISTS", unpack(blockers)) ~= 0 then return redis.error_reply("-4 a job has children") end
  local holders = redis.call("MGET", unpack(locks))
  for i = 1, finished do
    if holders[i] ~= token then return redis.error_reply("-6 job " .. ids[i]) end
    if redis.call("LREM", KEYS[2], -1, ids[i]) == 0 then return redis.error_reply("-3 job " .. ids[i]) end
  end
  redis.call("SREM", KEYS[6], unpack(ids))
  redis.call("XTRIM", KEYS[4], "MAXLEN", "~", meta[1] or "10000")
  redis.call("DEL", unpack(gone))
  for i = 1, finished do
    redis.call("XADD", KEYS[4], "*", "event", "completed", "jobId", ids[i], "returnvalue", "null", "prev", "active")
  end
end
local due = redis.call("ZRANGEBYSCORE", KEYS[7], 0, (tonumber(now) + 1) * 4096 - 1, "LIMIT", 0, 1)
if #due > 0 then return redis.error_reply("this measures standard jobs only") end
local taken = {}
local ids = not meta[2] and not meta[3] and redis.call("RPOP", KEYS[1], ARGV[5])
if not ids then
  if redis.call("LLEN", KEYS[2]) == 0 and redis.call("ZCARD", KEYS[8]) == 0 then
    redis.call("XADD", KEYS[4], "*", "event", "drained")
  end
  return taken
end
redis.call("LPUSH", KEYS[2], unpack(ids))
for i = 1, #ids do
  local id = ids[i]
  local job = base .. id
  redis.call("SET", job .. ":lock", token, "PX", ARGV[4])
  redis.call("XADD", KEYS[4], "*", "event", "active", "jobId", id, "prev", "waiting")
  local fields = redis.call("HGETALL", job)
  redis.call("HSET", job, "processedOn", now, "ats", "1")
  taken[2 * i - 1], taken[2 * i] = id, fields
end
redis.call("ZADD", KEYS[3], 0, "0")
return taken
