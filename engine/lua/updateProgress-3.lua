--[[
  Stores the progress of a job and adds the event.

  KEYS[1]  job     hash    <prefix>:<queue>:<id>
  KEYS[2]  events  stream  …:events
  KEYS[3]  meta    hash    …:meta
  ARGV[1]  job id    ARGV[2]  progress, JSON

  Returns  0 done, -1 no such job
  Events   progress
]]
--- @include "events"
if redis.call('EXISTS', KEYS[1]) == 0 then return -1 end
redis.call('HSET', KEYS[1], 'progress', ARGV[2])
redis.call('XADD', KEYS[2], '*', 'event', 'progress', 'jobId', ARGV[1], 'data', ARGV[2])
trimEvents(KEYS[2], KEYS[3])
return 0
