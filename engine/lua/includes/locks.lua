-- Checks, before anything is written, that the caller holds the locks of n active jobs with these tokens. Returns one code per
-- job: 0, -1 no hash, -2 no lock, -6 another worker's lock.
local function ownershipOf(prefix, ids, tokens)
  local codes, lockKeys = {}, {}
  for n, id in ipairs(ids) do lockKeys[n] = prefix .. id .. ':lock' end
  local holders = #ids > 0 and redis.call('MGET', unpack(lockKeys)) or {}
  for n, id in ipairs(ids) do
    codes[n] = 0
    if redis.call('EXISTS', prefix .. id) == 0 then
      codes[n] = -1
    elseif holders[n] ~= tokens[n] then
      codes[n] = holders[n] and -6 or -2
    end
  end
  return codes
end

-- Removes a job whose lock the caller holds from the active list. Returns 0, or -3 if it is not there.
local function leaveActive(keys, id)
  local left = redis.call('LREM', keys.active, -1, id)
  surely('DEL', keys.prefix .. id .. ':lock')
  surely('SREM', keys.stalled, id)
  return left > 0 and 0 or -3
end
