--- @include "removeJob"

-- Replaces ids that leave the middle of a list until the list drops them, all by one LREM. Workers of every version drop an id
-- that begins with "0:".
local left = '0:removed'

-- Removes jobs of one state, hard and without events: of a list the oldest, of a set the lowest. Looks at `most` jobs behind the
-- first `passed`; `highest`: the highest score of a set. wanted(id) returns true for those to remove. A job that cannot be
-- removed from its parent stays, unless `all`. Returns the ids that left, and how many jobs were looked at.
local function removeFrom(keys, state, passed, most, highest, bullmq5, wanted, all)
  local key = keys.prefix .. state
  local isList = state == 'wait' or state == 'paused' or state == 'active'
  local found
  if isList then
    found = redis.call('LRANGE', key, -passed - most, -passed - 1)
  elseif highest then
    found = redis.call('ZRANGEBYSCORE', key, '-inf', highest, 'LIMIT', passed, most)
  else
    found = redis.call('ZRANGE', key, passed, passed + most - 1)
  end
  local count, gone, places = #found, {}, {}
  local function idAt(n) return isList and found[count + 1 - n] or found[n] end
  local function leaves(n)
    gone[#gone + 1] = idAt(n)
    places[#places + 1] = -passed - n
  end
  each(count, function(n)
    local id = idAt(n)
    if not wanted(id) then return end
    detachJob(keys, id, bullmq5, true)
    eraseJob(keys, id)
    leaves(n)
  end, function(n, why)
    local id = idAt(n)
    note(id, why)
    if not all then return end
    -- A key of another type is of another program.
    if redis.call('TYPE', keys.prefix .. id).ok == 'hash' then deleteJob(keys.prefix .. id) end
    leaves(n)
  end)
  if #gone == 0 then return gone, count end
  if not isList then
    for from = 1, #gone, 1000 do surely('ZREM', key, unpack(gone, from, math.min(from + 999, #gone))) end
  elseif passed == 0 and #gone == count then
    surely('LTRIM', key, 0, -count - 1)
  else
    for _, place in ipairs(places) do surely('LSET', key, place, left) end
    surely('LREM', key, -#gone, left)
  end
  if state == 'active' then
    for from = 1, #gone, 1000 do
      redis.pcall('SREM', keys.prefix .. 'stalled', unpack(gone, from, math.min(from + 999, #gone)))
    end
  end
  return gone, count
end
