--[[
  Ends that a parent waits for a child. The child becomes a job without parent.

  KEYS[1]  wait         list    <prefix>:<queue>:wait
  KEYS[2]  paused       list    …:paused
  KEYS[3]  active       list    …:active
  KEYS[4]  prioritized  zset    …:prioritized
  KEYS[5]  delayed      zset    …:delayed
  KEYS[6]  events       stream  …:events
  KEYS[7]  meta         hash    …:meta
  KEYS[8]  marker       zset    …:marker
  KEYS[9]  job          hash    <prefix>:<queue>:<id>
  ARGV[1]  "on", "auto", "seen" or "off": whether 5.x clients share the queue

  Returns  { code, key of the parent or "" }: 0 done; 1 no parent waits for it; -1 no such job; -5 the parent does not exist
  Events   waiting of a parent that waits for nothing else, in its queue
]]
--- @keys
local bullmq5 = ARGV[1]

--- @include "safely"
--- @include "events"
--- @include "markers"
--- @include "scores"
--- @include "queueState"
--- @include "parents"

if redis.call('EXISTS', keys.job) == 0 then return { -1, '' } end
local values = redis.call('HMGET', keys.job, 'parentKey', 'parent')
local parent = values[1] and parentOf(values[1], values[2])
if not parent then return { 1, '' } end
if redis.call('EXISTS', parent.key) == 0 then return { -5, parent.key } end
if redis.call('SISMEMBER', parent.key .. ':dependencies', keys.job) == 0 then return { 1, parent.key } end
childRemoved(keys.job, parent, bullmq5)
surely('HDEL', keys.job, 'parentKey', 'parent')
return { 0, parent.key }
