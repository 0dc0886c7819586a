--[[
  Looks once more at what a walk over the keys of a queue took for a fault, at one moment: jobs may have moved since then.

  KEYS[1]  wait              list    <prefix>:<queue>:wait
  KEYS[2]  paused            list    …:paused
  KEYS[3]  active            list    …:active
  KEYS[4]  prioritized       zset    …:prioritized
  KEYS[5]  delayed           zset    …:delayed
  KEYS[6]  completed         zset    …:completed
  KEYS[7]  failed            zset    …:failed
  KEYS[8]  waiting-children  zset    …:waiting-children
  KEYS[9]  stalled           set     …:stalled
  ARGV[1]  job key prefix    ARGV[2]  latest timestamp, ms: younger jobs are no fault
  ARGV[3…] kind, id, kind, id, …: lost-job, missing-job, legacy-id, unlocked-job, orphaned-keys, two-states, stale-stalled,
           set-aside

  Returns  per pair: 0 no fault, 1 a fault that cannot be repaired, 2 a fault that can be
  Events   none
]]
--- @keys
local prefix, latest = ARGV[1], tonumber(ARGV[2])

--- @include "states"
--- @include "examination"

local found = {}
for at = 3, #ARGV, 2 do
  -- A key of another type is left to a person.
  local done, answer = pcall(faults[ARGV[at]], keys, prefix, ARGV[at + 1], latest)
  found[#found + 1] = done and answer or 0
end
return found
