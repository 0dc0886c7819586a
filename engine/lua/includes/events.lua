--- @include "numbers"

-- Returns the length that the events stream is trimmed to. Writes BullMQ's default to a queue without the setting. A setting
-- that is not a length counts as the default: XTRIM would refuse it in the middle of a script.
local function maxEvents(metaKey)
  local limit = redis.call('HGET', metaKey, 'opts.maxLenEvents')
  if not limit then redis.call('HSET', metaKey, 'opts.maxLenEvents', '10000') end
  local length = numberOf(limit)
  if not length or length < 0 then length = 10000 end
  return string.format('%.0f', math.floor(length) + 0)  -- Plus 0: a zero may have a sign.
end

-- Trims the stream once for a whole call, in place of MAXLEN on each XADD (docs/pitfalls.md#r5). A reader sees the same.
local function trimEvents(eventsKey, metaKey)
  redis.call('XTRIM', eventsKey, 'MAXLEN', '~', maxEvents(metaKey))
end
