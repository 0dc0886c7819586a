--[[
  Removes jobs of one state, the next jobs of schedulers excepted: one call of clean or drain. A parent that waits for nothing
  else is removed if it is in this queue, else it runs.

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
  KEYS[11] repeat            zset    …:repeat
  ARGV[1]  job key prefix    ARGV[2]  "wait", "paused", "active", "prioritized", "delayed", "completed" or "failed"
  ARGV[3]  how many jobs of the state to pass over: those that earlier calls left    ARGV[4]  most jobs to look at
  ARGV[5]  latest time, ms: of the end of a finished job, of the last start or else the add of any other one; "": all, no event
  ARGV[6]  "on", "auto", "seen" or "off": whether 5.x clients share the queue

  Returns  { ids, looked at, length, problems }  length: jobs in the state before    problems: id, text, id, text, … of jobs
           that could not be removed
  Events   cleaned, unless all are removed; none of single jobs
]]
--- @keys
keys.prefix = ARGV[1]
local state, passed, most, latest, bullmq5 = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
local prefix = keys.prefix

--- @include "safely"
--- @include "events"
--- @include "markers"
--- @include "scores"
--- @include "queueState"
--- @include "bulkRemoval"

-- A key of another type ends the script here, before anything is written.
redis.call('XLEN', keys.events)
redis.call('ZCARD', keys.waitingChildren)
local finished = state == 'completed' or state == 'failed'
local isList = state == 'wait' or state == 'paused' or state == 'active'
local length = redis.call(isList and 'LLEN' or 'ZCARD', prefix .. state)

local function wanted(id)
  if finished then return true end
  local values = redis.call('HMGET', prefix .. id, 'rjk', 'timestamp', 'processedOn', 'finishedOn')
  if isNextOfScheduler(keys, id, values[1]) then return false end
  if not latest then return true end
  if state == 'active' and redis.call('EXISTS', prefix .. id .. ':lock') == 1 then return false end
  local time = values[2]
  if state ~= 'prioritized' then time = values[3] or time end
  if isList then time = values[4] or time end
  time = tonumber(time)
  return time and time <= latest
end

local ids, count = removeFrom(keys, state, passed, most, finished and ARGV[5] ~= '' and ARGV[5], bullmq5, wanted)
if latest then
  redis.pcall('XADD', keys.events, '*', 'event', 'cleaned', 'count', string.format('%.0f', #ids))
  pcall(trimEvents, keys.events, keys.meta)
end
return { ids, count, length, problems }
