-- Releases a deduplication id when its job ended: adds with that id count again, and the job that waited for this end is
-- added. Its record stays until the job is stored.
local function releaseDeduplication(keys, deduplication, id, now, bullmq5)
  local ownerKey, nextKey = keys.prefix .. 'de:' .. deduplication, keys.prefix .. 'dn:' .. deduplication
  if redis.call('GET', ownerKey) == id and redis.call('PTTL', ownerKey) <= 0 then redis.call('DEL', ownerKey) end
  if redis.call('EXISTS', nextKey) == 0 then return end
  local kept = redis.call('HMGET', nextKey, 'name', 'data', 'opts', 'jid', 'pk', 'pd', 'pdk', 'rjk')
  local known, opts = pcall(cjson.decode, kept[3] or '{}')
  if not known or type(opts) ~= 'table' then opts = {} end
  local owner = type(opts.de) == 'table' and opts.de or {}
  local queue = readQueue(keys, bullmq5)
  local counted = redis.call('INCR', keys.id)
  local newId = kept[4] or string.format('%.0f', counted)
  local ready = storeJob(keys, queue, {
    id = newId, name = kept[1] or '', data = kept[2] or '{}', opts = kept[3] or '{}', timestamp = string.format('%.0f', now),
    delay = string.format('%.17g', tonumber(opts.delay) or 0), priority = string.format('%.0f', tonumber(opts.priority) or 0),
    lifo = opts.lifo, parentKey = kept[5], parent = kept[6], scheduler = kept[8], deduplication = deduplication,
  })
  surely('DEL', nextKey)
  local ttl = tonumber(owner.ttl) or 0
  if ttl > 0 and not owner.keepLastIfActive then
    redis.call('SET', ownerKey, newId, 'PX', string.format('%.0f', math.ceil(ttl)))
  else
    redis.call('SET', ownerKey, newId)
  end
  if kept[7] then redis.pcall('SADD', kept[7], keys.prefix .. newId) end
  if not ready then
    pcall(markDelayed, keys.marker, keys.delayed)
  elseif not queue.closed then
    pcall(markJob, keys.marker)
  end
end

-- Does the same, and notes an error: the end of the job does not depend on it.
local function tryReleaseDeduplication(keys, deduplication, id, now, bullmq5)
  local done, why = pcall(releaseDeduplication, keys, deduplication, id, now, bullmq5)
  if not done then note(id, 'deduplication id ' .. deduplication .. ': ' .. errorText(why)) end
end
