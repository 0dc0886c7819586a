--[[
  Reads a job and pages of its children, at one moment.

  KEYS[1]  job   hash  <prefix>:<queue>:<id>
  ARGV[1]  "1" for the job itself, too
  ARGV[2…] for each kind (completed, pending, ignored failures, failures) a cursor, or "" for none of the kind, and a count,
           or "" for all of the kind

  Returns  the fields of the job (none if there is no such job, or it is not demanded), then for each kind {the cursor of the
           next page, the children}; completed children and ignored failures are key, value, key, value, …
  Events   none
]]
local jobKey = KEYS[1]
local reply = { ARGV[1] == '1' and redis.call('HGETALL', jobKey) or {} }

local function read(kind, page, all)
  local cursor, count = ARGV[kind * 2], ARGV[kind * 2 + 1]
  reply[kind + 1] = cursor == '' and { '0', {} } or count == '' and { '0', all() } or page(cursor, count)
end

local function hashAt(key)
  return function(cursor, count) return redis.call('HSCAN', key, cursor, 'COUNT', count) end,
    function() return redis.call('HGETALL', key) end
end

read(1, hashAt(jobKey .. ':processed'))
local pendingKey = jobKey .. ':dependencies'
read(2, function(cursor, count) return redis.call('SSCAN', pendingKey, cursor, 'COUNT', count) end,
  function() return redis.call('SMEMBERS', pendingKey) end)
read(3, hashAt(jobKey .. ':failed'))
local failedKey = jobKey .. ':unsuccessful'
read(4, function(cursor, count)
  -- The cursor is the rank of the page's first child.
  local next = tonumber(cursor) + tonumber(count)
  local members = redis.call('ZRANGE', failedKey, cursor, string.format('%.0f', next - 1))
  return { next < redis.call('ZCARD', failedKey) and string.format('%.0f', next) or '0', members }
end, function() return redis.call('ZRANGE', failedKey, 0, -1) end)
return reply
