--[[
  Makes a queue known to dashboards, and overwrites no setting of another client.

  KEYS[1]  meta  hash  <prefix>:<queue>:meta
  ARGV[1]  version, "<library>:<version>"

  Returns  nothing
  Events   none
]]
redis.call('HSETNX', KEYS[1], 'opts.maxLenEvents', '10000')
local version = redis.call('HGET', KEYS[1], 'version')
-- The version of a 5.x client stays: it is evidence of such clients (docs/wire-format.md#v0).
if not version or string.sub(version, 1, 9) ~= 'bullmq:5.' then redis.call('HSET', KEYS[1], 'version', ARGV[1]) end
