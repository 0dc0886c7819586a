-- Returns the run after the one at `previous`, ms: a period later; if that is past, the next one that is `offset` behind a
-- multiple of the period.
local function runAfter(previous, every, offset, now)
  local due = previous + every
  if due >= now then return due end
  due = now - now % every + offset
  if due <= now then due = due + every end
  return due
end

-- Returns by how much a job of 5.48 runs after the moment that its id names, which is then a multiple of `every`; 0 for the
-- jobs of other versions, which run at that moment.
local function lateness(queue, named, every, prevMillis, offset)
  local byPeriod = queue.five and tonumber(prevMillis) == named and named % every == 0 and (tonumber(offset) or 0) > 0
  return byPeriod and tonumber(offset) or 0
end

-- Returns opts of a scheduler's job. `opts` and `repetition` (its opts.repeat): JSON objects with a member or more. `idStart`:
-- 'repeat:<scheduler>:' in JSON, with the opening quote alone. `offset`: text, or '' for none. `named`: with prevMillis.
local function runOptions(opts, repetition, offset, idStart, dueText, delay, timestamp, named)
  local text = string.sub(opts, 1, -2) .. ',"jobId":' .. idStart .. dueText .. '","delay":' .. delay .. ',"timestamp":' ..
    timestamp
  if named then text = text .. ',"prevMillis":' .. dueText end
  text = text .. ',"repeat":' .. string.sub(repetition, 1, -2)
  if offset ~= '' then text = text .. ',"offset":' .. offset end
  return text .. '}}'
end

-- Ends the script at a key of another type, before anything is written. Returns what readQueue() does.
local function readQueueForRun(keys, bullmq5)
  redis.call('XLEN', keys.events)
  redis.call('ZCARD', keys.delayed)
  redis.call('ZCARD', keys.prioritized)
  redis.call('ZCARD', keys.marker)
  local queue = readQueue(keys, bullmq5)
  redis.call('LLEN', queue.ready)
  return queue
end

-- Wakes a worker for a scheduler's job that was stored, and trims the stream.
local function announceRun(keys, queue, runnable)
  if not runnable then
    pcall(markDelayed, keys.marker, keys.delayed)
  elseif not queue.closed then
    pcall(markJob, keys.marker)
  end
  pcall(trimEvents, keys.events, keys.meta)
end
