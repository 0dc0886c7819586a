-- Counts n ends of jobs. Once a minute pushes the number since the last point; idle minutes are zeros.
local function countMetric(keys, target, n, now, maxDataPoints)
  local key = keys.prefix .. 'metrics:' .. target
  local before = redis.call('HINCRBY', key, 'count', n) - n
  local previous = redis.call('HMGET', key, 'prevTS', 'prevCount')
  if not previous[1] then
    redis.call('HSET', key, 'prevTS', string.format('%.0f', now), 'prevCount', '0')
    return
  end
  local minutes = math.min(math.floor(now / 60000) - math.floor(tonumber(previous[1]) / 60000), maxDataPoints)
  if minutes <= 0 then return end
  local points = { string.format('%.0f', before - (tonumber(previous[2]) or 0)) }
  for minute = 2, minutes do points[minute] = '0' end
  for from = 1, #points, 1000 do
    redis.call('LPUSH', key .. ':data', unpack(points, from, math.min(from + 999, #points)))
  end
  redis.call('LTRIM', key .. ':data', 0, maxDataPoints - 1)
  redis.call('HSET', key, 'prevCount', string.format('%.0f', before), 'prevTS', string.format('%.0f', now))
end
