--[[
  Drops ids for which there is no job, each if its fault is there still.

  KEYS[1]  wait              list    <prefix>:<queue>:wait
  KEYS[2]  paused            list    …:paused
  KEYS[3]  active            list    …:active
  KEYS[4]  prioritized       zset    …:prioritized
  KEYS[5]  delayed           zset    …:delayed
  KEYS[6]  completed         zset    …:completed
  KEYS[7]  failed            zset    …:failed
  KEYS[8]  waiting-children  zset    …:waiting-children
  KEYS[9]  stalled           set     …:stalled
  ARGV[1]  job key prefix    ARGV[2]  kind: missing-job, legacy-id, stale-stalled or set-aside    ARGV[3…]  ids

  Returns  { ids that were dropped }
  Events   none
]]
--- @keys
local prefix, kind = ARGV[1], ARGV[2]

--- @include "safely"
--- @include "states"
--- @include "examination"

local dropped = {}
each(#ARGV - 2, function(n)
  local id = ARGV[2 + n]
  if faults[kind](keys, prefix, id) ~= 2 then return end
  if kind == 'set-aside' then
    redis.call('HDEL', prefix .. 'drover:set-aside', id)
  else
    redis.call('SREM', keys.stalled, id)
    if kind ~= 'stale-stalled' then
      for _, list in ipairs({ keys.wait, keys.paused, keys.active }) do redis.call('LREM', list, 0, id) end
      for _, set in ipairs({ keys.prioritized, keys.delayed, keys.waitingChildren, keys.completed, keys.failed }) do
        redis.call('ZREM', set, id)
      end
    end
  end
  dropped[#dropped + 1] = id
end, function() end)
return dropped
