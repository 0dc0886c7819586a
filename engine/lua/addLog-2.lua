--[[
  Appends a row to a job's log.

  KEYS[1]  job   hash  <prefix>:<queue>:<id>
  KEYS[2]  logs  list  <prefix>:<queue>:<id>:logs
  ARGV[1]  row    ARGV[2]  rows to keep, or "" for all

  Returns  the number of rows, -1 no such job
  Events   none
]]
if redis.call('EXISTS', KEYS[1]) == 0 then return -1 end
local rows = redis.call('RPUSH', KEYS[2], ARGV[1])
local keep = tonumber(ARGV[2])
if keep then
  redis.call('LTRIM', KEYS[2], -keep, -1)
  rows = math.min(rows, keep)
end
return rows
