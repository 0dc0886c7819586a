--[[
  Removes a paused queue with all jobs in it, step by step. Jobs of other queues that wait for the last of these jobs run.

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
  KEYS[12] stalled           set     …:stalled
  KEYS[13] repeat            zset    …:repeat
  ARGV[1]  job key prefix    ARGV[2]  most jobs to remove    ARGV[3]  "1" to remove active jobs too
  ARGV[4]  "on", "auto", "seen" or "off": whether 5.x clients share the queue

  Returns  { code, removed, problems }  code: 0 the queue is gone; 1 call again; -1 it is not paused; -2 a job is active
           problems: id, text, id, text, … of ids without a job that could be removed
  Events   none
]]
--- @keys
keys.prefix = ARGV[1]
local prefix, most, force, bullmq5 = ARGV[1], tonumber(ARGV[2]), ARGV[3] == '1', ARGV[4]

--- @include "safely"
--- @include "events"
--- @include "markers"
--- @include "scores"
--- @include "queueState"
--- @include "bulkRemoval"

if redis.call('HEXISTS', keys.meta, 'paused') == 0 then return { -1, 0, problems } end
if not force and redis.call('LLEN', keys.active) > 0 then return { -2, 0, problems } end

local removed, looked = 0, 0
local function any() return true end
for _, state in ipairs({ 'active', 'delayed', 'repeat', 'completed', 'wait', 'paused', 'prioritized', 'failed',
  'waiting-children' }) do
  local count
  if state == 'repeat' then
    local schedulers = redis.call('ZRANGE', keys['repeat'], 0, most - looked - 1)
    for _, scheduler in ipairs(schedulers) do redis.call('UNLINK', prefix .. 'repeat:' .. scheduler) end
    count = #schedulers
    if count > 0 then redis.call('ZREMRANGEBYRANK', keys['repeat'], 0, count - 1) end
  else
    local ids
    ids, count = removeFrom(keys, state, 0, most - looked, nil, bullmq5, any, true)
    removed = removed + #ids
    if state == 'active' then
      for _, id in ipairs(ids) do surely('UNLINK', prefix .. id .. ':lock') end
    end
  end
  looked = looked + count
  if looked >= most then return { 1, removed, problems } end
end
local names = { 'wait', 'paused', 'active', 'prioritized', 'delayed', 'completed', 'failed', 'waiting-children', 'events', 'id',
  'pc', 'marker', 'limiter', 'stalled', 'stalled-check', 'repeat', 'delay', 'metrics:completed', 'metrics:completed:data',
  'metrics:failed', 'metrics:failed:data', 'drover:cancel', 'drover:cancels', 'drover:set-aside' }
for _, name in ipairs(names) do redis.call('UNLINK', prefix .. name) end
-- Last: without `paused` in it no further call would do the rest.
redis.call('UNLINK', keys.meta)
return { 0, removed, problems }
