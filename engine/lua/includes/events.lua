-- The length that the events stream is trimmed to; a queue without the setting gets BullMQ's default written.
local function maxEvents(metaKey)
  local limit = redis.call('HGET', metaKey, 'opts.maxLenEvents')
  if not limit then
    limit = '10000'
    redis.call('HSET', metaKey, 'opts.maxLenEvents', limit)
  end
  return limit
end

-- One trim for a whole call, in place of MAXLEN on each XADD: what a reader sees is the same.
local function trimEvents(eventsKey, metaKey)
  redis.call('XTRIM', eventsKey, 'MAXLEN', '~', maxEvents(metaKey))
end
