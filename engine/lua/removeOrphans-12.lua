--[[
  Removes jobs, and keys of jobs, that are in no state.

  KEYS[1]  wait              list    <prefix>:<queue>:wait
  KEYS[2]  paused            list    …:paused
  KEYS[3]  active            list    …:active
  KEYS[4]  prioritized       zset    …:prioritized
  KEYS[5]  delayed           zset    …:delayed
  KEYS[6]  completed         zset    …:completed
  KEYS[7]  failed            zset    …:failed
  KEYS[8]  waiting-children  zset    …:waiting-children
  KEYS[9]  events            stream  …:events
  KEYS[10] meta              hash    …:meta
  KEYS[11] marker            zset    …:marker
  KEYS[12] pc                string  …:pc
  ARGV[1]  job key prefix    ARGV[2]  latest timestamp, ms: younger jobs are passed over
  ARGV[3]  "on", "auto", "seen" or "off": whether 5.x clients share the queue    ARGV[4…]  ids that may be those of jobs

  Returns  { removed, problems }  removed: how many    problems: id, text, id, text, … of jobs that could not be removed
  Events   waiting of a parent that waits for nothing else, in its queue
]]
--- @keys
keys.prefix = ARGV[1]
local prefix, latest, bullmq5 = ARGV[1], tonumber(ARGV[2]), ARGV[3]

--- @include "safely"
--- @include "events"
--- @include "markers"
--- @include "scores"
--- @include "queueState"
--- @include "removeJob"
--- @include "states"

-- Returns true if there is a hash that no other program has under such a key, or, without hash, keys below it of their types.
local function isOurs(id)
  local jobKey = prefix .. id
  local kind = redis.call('TYPE', jobKey).ok
  if kind == 'hash' then
    local values = redis.call('HMGET', jobKey, 'timestamp', 'opts', 'data', 'ats', 'processedOn')
    -- A worker of BullMQ that runs an id without hash makes one of these two fields.
    local isJob = values[1] and values[2] and values[3] or not values[2] and values[4] and values[5]
    local timestamp = tonumber(values[1])
    return isJob and (not timestamp or timestamp <= latest)
  end
  if kind ~= 'none' then return false end
  for part, expected in pairs({ logs = 'list', dependencies = 'set', processed = 'hash', failed = 'hash',
    unsuccessful = 'zset' }) do
    local key = jobKey .. ':' .. part
    -- An id may end in such a word itself.
    if redis.call('TYPE', key).ok == expected and (expected ~= 'hash' or redis.call('HEXISTS', key, 'opts') == 0) then
      return true
    end
  end
  return false
end

local removed = 0
each(#ARGV - 3, function(n)
  local id = ARGV[3 + n]
  if redis.call('EXISTS', prefix .. id .. ':lock') == 1 or not isOurs(id) or isSomewhere(keys, id) then return end
  detachJob(keys, id, bullmq5)
  if eraseJob(keys, id) > 0 then removed = removed + 1 end
end, function(n, why) note(ARGV[3 + n], why) end)
return { removed, problems }
