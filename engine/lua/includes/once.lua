-- Adds that happen once. The jobs of such an add stand together, and a record in a key of Drover's own, written in the same
-- call, holds what became of each. A call with the same key and the same fingerprint returns the record; a job that could not
-- be stored then is tried again.
--   <prefix>:<queue>:drover:once:<key>  string  JSON [fingerprint, then per job: id or number or "", how, its timestamp]

-- `adds`: key, fingerprint, ttl (ms), first and last job of each, and recallOnly: jobs without a record get an error. `ids`: per job the script's answer, or nil before it has one.
-- `timestampOf(n)` returns that of a job. Returns recall(), to be called before any job is added, and record(), after all.
local function addsOnce(adds, ids, timestampOf)
  local function answerAll(once, answer)
    for n = once.first, once.last do ids[n] = answer end
  end

  -- A job without an answer, or with an error, has "" in the record.
  local function write(once)
    local record = { once.fingerprint }
    for n = once.first, once.last do
      local answer, id, how, timestamp = ids[n], '', '', timestampOf(n)
      if type(answer) == 'table' then
        id, how, timestamp = answer[1] or '', answer[2] or '', answer[3] or timestamp
      elseif answer then
        id = answer
      end
      record[#record + 1] = id
      record[#record + 1] = how
      record[#record + 1] = timestamp
    end
    return redis.pcall('SET', once.key, cjson.encode(record), 'PX', once.ttl)
  end

  local function recallRecord(once, record)
    local known = cjson.decode(record)
    if known[1] ~= once.fingerprint or #known ~= 1 + 3 * (once.last - once.first + 1) then
      answerAll(once, {})
      return true
    end
    local complete = true
    for n = once.first, once.last do
      local at = 2 + 3 * (n - once.first)
      if known[at] ~= '' then ids[n] = { known[at], known[at + 1], known[at + 2] } else complete = false end
    end
    return complete
  end

  -- Answers the jobs that were added before. The keys of the others are claimed: where that fails, nothing is added.
  local function recall()
    local byKey = {}
    for _, once in ipairs(adds) do
      local twin = byKey[once.key]
      local record = not twin and redis.pcall('GET', once.key)
      if twin then
        -- Two adds of one call with the same key: the second gets the results of the first, when it has them.
        local same = twin.fingerprint == once.fingerprint and twin.last - twin.first == once.last - once.first
        once.twin, once.settled = same and twin, true
        answerAll(once, {})
      elseif type(record) == 'table' then
        once.settled = true
        answerAll(once, { err = errorText(record) })
      else
        if not once.recallOnly then byKey[once.key] = once end
        once.settled = record and recallRecord(once, record)
        local claimed = once.settled or once.recallOnly and { err = 'refused' } or write(once)
        if type(claimed) == 'table' and claimed.err then
          once.settled = true
          for n = once.first, once.last do ids[n] = ids[n] or { err = errorText(claimed) } end
        end
      end
    end
  end

  local function record()
    for _, once in ipairs(adds) do
      if once.twin then
        for n = once.first, once.last do
          local like = once.twin.first + n - once.first
          local answer = ids[like]
          if type(answer) ~= 'table' then
            answer = { answer, '', timestampOf(like) }
          elseif answer[1] and not answer[3] then
            answer = { answer[1], answer[2], timestampOf(like) }
          end
          ids[n] = answer
        end
      elseif not once.settled then
        write(once)
      end
    end
  end
  return recall, record
end
