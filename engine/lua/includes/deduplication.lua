-- A job with a deduplication id ended: others with that id may come now, and the one that was kept back for the end of
-- this one is added.
local function releaseDeduplication(keys, deduplication, id, now, bullmq5)
  local ownerKey, nextKey = keys.prefix .. 'de:' .. deduplication, keys.prefix .. 'dn:' .. deduplication
  if redis.call('GET', ownerKey) == id and redis.call('PTTL', ownerKey) <= 0 then redis.call('DEL', ownerKey) end
  if redis.call('EXISTS', nextKey) == 0 then return end
  local kept = redis.call('HMGET', nextKey, 'name', 'data', 'opts', 'jid', 'pk', 'pd', 'pdk', 'rjk')
  redis.call('DEL', nextKey)
  local counted = redis.call('INCR', keys.id)
  local opts = cjson.decode(kept[3] or '{}')
  local owner = opts.de or {}
  local newId = kept[4] or string.format('%.0f', counted)
  local ttl = tonumber(owner.ttl) or 0
  if ttl > 0 and not owner.keepLastIfActive then
    redis.call('SET', ownerKey, newId, 'PX', ttl)
  else
    redis.call('SET', ownerKey, newId)
  end
  local queue = readQueue(keys, bullmq5)
  local ready = storeJob(keys, queue, {
    id = newId, name = kept[1] or '', data = kept[2] or '{}', opts = kept[3] or '{}', timestamp = string.format('%.0f', now),
    delay = string.format('%.17g', tonumber(opts.delay) or 0), priority = string.format('%.0f', tonumber(opts.priority) or 0),
    lifo = opts.lifo, parentKey = kept[5], parent = kept[6], scheduler = kept[8], deduplication = deduplication,
  })
  if kept[7] then redis.call('SADD', kept[7], keys.prefix .. newId) end
  if not ready then
    markDelayed(keys.marker, keys.delayed)
  elseif not queue.closed then
    markJob(keys.marker)
  end
end
