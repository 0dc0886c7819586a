--[[
  Reads the state of a queue as a whole, at one moment.

  KEYS[1]  wait              list    <prefix>:<queue>:wait
  KEYS[2]  paused            list    …:paused
  KEYS[3]  active            list    …:active
  KEYS[4]  prioritized       zset    …:prioritized
  KEYS[5]  delayed           zset    …:delayed
  KEYS[6]  waiting-children  zset    …:waiting-children
  KEYS[7]  completed         zset    …:completed
  KEYS[8]  failed            zset    …:failed
  KEYS[9]  meta              hash    …:meta
  KEYS[10] id                string  …:id
  KEYS[11] events            stream  …:events
  ARGV[1]  job key prefix

  Returns  { counts in the order of the keys, 1 if paused, concurrency, version, last id, completed, failed, events, since, oldest }
           completed, failed: { count, time of the last point, count at that time, last point } of the metrics
           events: { entries of the stream, its bytes as an estimate, -1 if Redis does not allow MEMORY }
           since: from when on the job `oldest` could run, ms; both nil if no job waits
  Events   none
]]
--- @keys
local counts = {}
for i = 1, 8 do
  counts[i] = redis.call(i <= 3 and 'LLEN' or 'ZCARD', KEYS[i])
end
local meta = redis.call('HMGET', keys.meta, 'paused', 'concurrency', 'version')

local bytes = redis.pcall('MEMORY', 'USAGE', keys.events, 'SAMPLES', 1)
if type(bytes) ~= 'number' then bytes = bytes and -1 or 0 end

local function metrics(state)
  local key = ARGV[1] .. 'metrics:' .. state
  local values = redis.call('HMGET', key, 'count', 'prevTS', 'prevCount')
  values[4] = redis.call('LINDEX', key .. ':data', 0)
  return values
end

-- A job with the option lifo stands before older ones: both ends of a list count, and the first job of the highest and of the
-- lowest priority.
local candidates = {}
local function consider(id)
  if id then candidates[#candidates + 1] = id end
end
for _, list in ipairs({ keys.wait, keys.paused }) do
  consider(redis.call('LINDEX', list, -1))
  consider(redis.call('LINDEX', list, 0))
end
if counts[4] > 0 then
  consider(redis.call('ZRANGE', keys.prioritized, 0, 0)[1])
  local last = redis.call('ZREVRANGE', keys.prioritized, 0, 0, 'WITHSCORES')
  local lowest = math.floor(tonumber(last[2]) / 4294967296) * 4294967296
  consider(redis.call('ZRANGEBYSCORE', keys.prioritized, string.format('%.0f', lowest), '+inf', 'LIMIT', 0, 1)[1])
end
local since, oldest
for _, id in ipairs(candidates) do
  local values = redis.pcall('HMGET', ARGV[1] .. id, 'timestamp', 'processedOn', 'opts')
  local ready = not values.err and tonumber(values[1])
  if ready then
    local parsed, opts = pcall(cjson.decode, values[3] or '')
    local delay = parsed and type(opts) == 'table' and tonumber(opts.delay) or 0
    ready = math.max(ready + math.max(delay, 0), tonumber(values[2]) or 0)
    if not since or ready < since then since, oldest = ready, id end
  end
end
return {
  counts, meta[1] and 1 or 0, meta[2], meta[3], redis.call('GET', keys.id), metrics('completed'), metrics('failed'),
  { redis.call('XLEN', keys.events), bytes },
  since and string.format('%.0f', since), oldest,
}
