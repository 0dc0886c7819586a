--- @include "numbers"

-- Puts the jobs of `paused` behind those of `wait`, as one list under `wait`. None is lost, and their order stays.
local function joinInWait(keys)
  -- A key of another type ends the script here, where every job is in one list.
  local waiting, held = redis.call('LLEN', keys.wait), redis.call('LLEN', keys.paused)
  if held == 0 then return end
  if waiting == 0 then
    surely('RENAME', keys.paused, keys.wait)
    return
  end
  local ids = redis.call('LRANGE', keys.paused, 0, -1)
  for from = 1, #ids, 1000 do
    surely('RPUSH', keys.wait, unpack(ids, from, math.min(from + 999, #ids)))
  end
  surely('DEL', keys.paused)
end

-- Puts all jobs that wait into `paused`, where 5.x clients look while the queue is paused.
local function joinInPaused(keys)
  if redis.call('EXISTS', keys.wait) == 1 then
    joinInWait(keys)
    surely('RENAME', keys.wait, keys.paused)
  end
end

-- Returns true if the rules for queues shared with 5.x clients are in force. `bullmq5` is "on", "auto", "off", or "seen": auto,
-- after the process saw such a client.
local function isShared(keys, bullmq5, version)
  if bullmq5 ~= 'auto' then return bullmq5 ~= 'off' end
  return version and string.sub(version, 1, 9) == 'bullmq:5.' or redis.call('EXISTS', keys.paused) == 1
end

-- Returns what decides whether jobs may be claimed and where ready ones go: { paused, closed, free (slots left; nil: no limit),
-- max and duration of the queue's limiter, five (shared with 5.x clients), ready (the list for jobs that may run), runsFailed
-- (a worker may run a job that is to be failed unrun), retriedFrom (the state before in the event of an immediate retry) }.
local function readQueue(keys, bullmq5)
  local meta = redis.call('HMGET', keys.meta, 'paused', 'concurrency', 'max', 'duration', 'version')
  local queue = { paused = meta[1] ~= false, max = numberOf(meta[3]), duration = numberOf(meta[4]), ready = keys.wait }
  queue.closed = queue.paused
  -- A slot that is open in part is open: BullMQ compares the number of active jobs with the setting.
  local concurrency = numberOf(meta[2])
  if concurrency then
    queue.free = math.max(math.ceil(concurrency - redis.call('LLEN', keys.active)), 0)
    queue.closed = queue.closed or queue.free == 0
  end
  queue.five = isShared(keys, bullmq5, meta[5])
  -- 5.81.5 fails such a job, 5.48.1 runs it. The version between them that began is unknown, and workers store no version.
  local minor = queue.five and meta[5] and tonumber(string.match(meta[5], '^bullmq:5%.(%d+)'))
  queue.runsFailed = queue.five and (bullmq5 == 'on' or not minor or minor < 81)
  queue.retriedFrom = minor and minor <= 48 and 'failed' or 'active'
  if queue.five and queue.paused then
    joinInPaused(keys)
    queue.ready = keys.paused
  end
  return queue
end

-- Puts a job where workers claim. `push`: LPUSH behind the other jobs, RPUSH before them; a priority has its own order.
local function enqueue(keys, queue, id, priority, push)
  if priority > 0 then
    redis.call('ZADD', keys.prioritized, priorityScore(keys.pc, priority), id)
  else
    redis.call(push, queue.ready, id)
  end
end
