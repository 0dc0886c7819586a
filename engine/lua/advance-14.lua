--[[
  One step of a worker: finishes jobs, promotes delayed jobs that are due, claims new ones.

  KEYS[1]  wait         list    <prefix>:<queue>:wait
  KEYS[2]  active       list    …:active
  KEYS[3]  prioritized  zset    …:prioritized
  KEYS[4]  delayed      zset    …:delayed
  KEYS[5]  completed    zset    …:completed
  KEYS[6]  failed       zset    …:failed
  KEYS[7]  events       stream  …:events
  KEYS[8]  meta         hash    …:meta
  KEYS[9]  marker       zset    …:marker
  KEYS[10] limiter      string  …:limiter
  KEYS[11] pc           string  …:pc
  KEYS[12] stalled      set     …:stalled
  KEYS[13] paused       list    …:paused
  KEYS[14] id           string  …:id
  ARGV[1]  job key prefix    ARGV[2]  now, ms    ARGV[3]  lock token of this claim    ARGV[4]  lock duration, ms
  ARGV[5]  most jobs to claim; 0: none    ARGV[6]  worker name or ""
  ARGV[7]  limiter max or ""    ARGV[8]  limiter duration, ms, or ""
  ARGV[9]  "on", "auto", "seen" or "off": whether 5.x clients share the queue    ARGV[10] most data points of metrics; 0: none
  ARGV[11] bytes of jobs after which no further job is claimed; 0: no such bound. One job is always claimed
  ARGV[12] number of job names that are served; 0: all    ARGV[13…] those names
  then     number of runs: jobs to finish that follow one another and share these values
  then     per run ten: lock token, "completed" or "failed", keep count (-1: all), keep age in s (-1: none), keep limit,
           attempts allowed, attempts made (this one included), deduplication id or "", value of `id` at the claim, or
           "" if the job had a parent then, and how many jobs; then per job its id and its return value (JSON), or id,
           reason and stack trace (JSON array) if it failed

  Jobs of a name that is not served, unless they are to be failed, go to delayed without a claim: 1 s, doubling to 60 s.
  Field drover:unserved of their hash counts how often.

  Returns  { codes, jobs, ttl, next, five, id, unserved, more, problems }
           codes: one per job to finish: 0 done; -1 no hash, -2 no lock, -6 another worker's lock, -3 not active,
                  -4 children pending, -9 children failed; empty if all are done
           jobs:  six per job: id, name, data, opts, timestamp ("" for what its hash lacks), and the other fields
                  with their values before this claim as a list of pairs. A name or opts of false stand for those of
                  the job before; pairs of false for delay and priority of 0 alone. The fields that every job has would
                  double the reply
           ttl:   ms for which the rate limiter is closed; 0: it is open
           next:  due time in ms of the earliest delayed job if nothing was claimed; 0: none
           five:  1 if the claim saw that 5.x clients share the queue, 2 if it is paused as well
           id:    the counter, as text; false if there is none
           unserved: pairs of a name and how many of its jobs went to delayed; false: none did
           more:  1 if the claim stopped early although further jobs wait
           problems: id, text, id, text, … of jobs that could not go on; they are failed now, or set aside
                  (includes/safely). An id of "" stands for the queue. Left out if there are none
  Events   completed or failed (and retries-exhausted), waiting, delayed, added, active, drained; the events of a released
           parent go to the stream of its own queue
]]
--- @keys
keys.prefix = ARGV[1]
-- Lua finds a local faster than a global.
local ARGV = ARGV
-- Redis prints a Lua number with printf for each use as an argument: text that is at hand stays text.
local prefix, now, nowText, token, lockDuration = ARGV[1], tonumber(ARGV[2]), ARGV[2], ARGV[3], ARGV[4]
local claimMax, workerName = tonumber(ARGV[5]), ARGV[6]
local workerMax, workerDuration = tonumber(ARGV[7]), tonumber(ARGV[8])
local bullmq5, maxDataPoints = ARGV[9], tonumber(ARGV[10])
local mostBytes, servedCount = tonumber(ARGV[11]), tonumber(ARGV[12])
local served, runsAt = servedCount > 0 and {}, 13 + servedCount
for at = 13, 12 + servedCount do served[ARGV[at]] = true end
if mostBytes == 0 then mostBytes = math.huge end

--- @include "safely"
--- @include "events"
--- @include "markers"
--- @include "scores"
--- @include "queueState"
--- @include "jobKeys"
--- @include "storeJob"
--- @include "deduplication"
--- @include "parents"
--- @include "retention"
--- @include "failing"
--- @include "metrics"
--- @include "promoteDelayed"
--- @include "finish"
--- @include "claim"

-- Every add raises the counter, whatever becomes of the add.
local counter = redis.call('GET', keys.id)

-- A key of another type ends the script here, before anything is popped or released, where no job is between two lists.
redis.call('LLEN', keys.active)
redis.call('XLEN', keys.events)
redis.call('ZCARD', keys.marker)
redis.call('SCARD', keys.stalled)

local codes, finished, staying = {}, 0, 0
local finishing = #ARGV > runsAt
if finishing then
  redis.call('ZCARD', keys.completed)
  redis.call('ZCARD', keys.failed)
  trimEvents(keys.events, keys.meta)
  codes, finished, staying = finishJobs(runsAt, counter)
end

local claimed = { jobs = {}, ttl = 0, five = 0, unserved = false, more = 0, looked = true }
local due = 0
-- A job that stays active occupies a place that the caller counts as free.
if claimMax > staying then
  local done, why = pcall(claimJobs, claimed, claimMax - staying)
  if not done then
    if not finishing then error(errorText(why), 0) end
    -- The caller still needs the codes of the jobs that this call finished.
    note('', 'nothing can be claimed: ' .. errorText(why))
  end
  if #claimed.jobs == 0 and claimed.looked then
    local first = redis.pcall('ZRANGE', keys.delayed, 0, 0, 'WITHSCORES')
    if first[2] then due = math.floor(tonumber(first[2]) / 4096) end
  end
end
if finished > 0 and #claimed.jobs == 0 and claimed.looked and due == 0 and
  redis.call('EXISTS', keys.wait, keys.active, keys.prioritized) == 0 then
  redis.pcall('XADD', keys.events, '*', 'event', 'drained')
end
return {
  codes, claimed.jobs, claimed.ttl, due, claimed.five, counter, claimed.unserved, claimed.more,
  #problems > 0 and problems or nil,
}
