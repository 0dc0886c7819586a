-- Returns true if the job is in any state.
local function isSomewhere(keys, id)
  for _, key in ipairs({ keys.prioritized, keys.delayed, keys.completed, keys.failed, keys.waitingChildren }) do
    if redis.call('ZSCORE', key, id) then return true end
  end
  for _, key in ipairs({ keys.wait, keys.paused, keys.active }) do
    if redis.call('LPOS', key, id) then return true end
  end
  return false
end
