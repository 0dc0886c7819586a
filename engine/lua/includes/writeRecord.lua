-- Writes the hash of a new job; further fields and values may follow the priority.
local function writeRecord(jobKey, name, data, opts, timestamp, delay, priority, ...)
  redis.call('HSET', jobKey, 'name', name, 'data', data, 'opts', opts, 'timestamp', timestamp, 'delay', delay,
    'priority', priority, ...)
end
