-- Makes finished jobs run again.

-- Returns the fields of a finished job that its next run shall not have.
local function endedFields(state)
  -- A `defa` would fail the job unrun.
  return 'finishedOn', 'processedOn', 'defa', state == 'failed' and 'failedReason' or 'returnvalue'
end

-- Makes a child that had ended one that its parent waits for, unless its parent is gone. The parent's state stays.
local function returnToParent(keys, id, state)
  local jobKey = keys.prefix .. id
  local parentKey = redis.call('HGET', jobKey, 'parentKey')
  if not parentKey or redis.call('EXISTS', parentKey) == 0 then return end
  local held
  if state == 'failed' then
    held = redis.call('ZREM', parentKey .. ':unsuccessful', jobKey) + redis.call('HDEL', parentKey .. ':failed', jobKey)
  else
    held = redis.call('HDEL', parentKey .. ':processed', jobKey)
  end
  if held > 0 then surely('SADD', parentKey .. ':dependencies', jobKey) end
end
