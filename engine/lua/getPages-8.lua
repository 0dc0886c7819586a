--[[
  Returns ids of jobs by their place in a state. Ids without a key of their own are left out, and later ones fill the page.

  KEYS[1]  completed         zset  <prefix>:<queue>:completed
  KEYS[2]  failed            zset  …:failed
  KEYS[3]  delayed           zset  …:delayed
  KEYS[4]  prioritized       zset  …:prioritized
  KEYS[5]  active            list  …:active
  KEYS[6]  wait              list  …:wait
  KEYS[7]  paused            list  …:paused
  KEYS[8]  waiting-children  zset  …:waiting-children
  ARGV[1]  "<prefix>:<queue>:"
  ARGV[2]  first place    ARGV[3]  last place, both from 0; a negative one counts from the end: -1 is the last
  ARGV[4]  "asc": the tail of a list or the lowest score comes first; "desc": the head or the highest score
  ARGV[5]  the most ids of one state
  ARGV[6…] indexes of keys, one for each state; 6 means wait and paused, as one list with wait at its head

  Returns  a list for each state: its length, the first and the last place without a sign, the place where a next page goes
           on, then ids
  Events   none
]]
local prefix, most, ascending = ARGV[1], tonumber(ARGV[5]), ARGV[4] == 'asc'

-- BullMQ gives up as well after so many looks for ids to fill the page with.
local passes = 5

-- Returns the ids in places first to last of one key, whose length is known.
local function idsOf(key, isList, length, first, last)
  if not isList then return redis.call(ascending and 'ZRANGE' or 'ZREVRANGE', key, first, last) end
  if not ascending then return redis.call('LRANGE', key, first, last) end
  local ids, turned = redis.call('LRANGE', key, length - 1 - last, length - 1 - first), {}
  for i = #ids, 1, -1 do turned[#turned + 1] = ids[i] end
  return turned
end

-- Returns the keys that a state consists of, in the order of the page, with their lengths.
local function partsOf(index)
  local parts, length = {}, 0
  local indexes = { index }
  if index == 6 then indexes = ascending and { 7, 6 } or { 6, 7 } end
  for n, i in ipairs(indexes) do
    local isList = i >= 5 and i <= 7
    local count = redis.call(isList and 'LLEN' or 'ZCARD', KEYS[i])
    parts[n] = { key = KEYS[i], isList = isList, before = length, length = count }
    length = length + count
  end
  return parts, length
end

local function page(index)
  local parts, length = partsOf(index)
  local first, last = tonumber(ARGV[2]), tonumber(ARGV[3])
  if first < 0 then first = math.max(0, length + first) end
  if last < 0 then last = length + last end
  local place, wanted = first, math.min(most, last - first + 1)
  local found = { length, first, last, place }
  for _ = 1, passes do
    local missing = wanted - (#found - 4)
    if missing <= 0 or place >= length then break end
    local stop = math.min(length, place + missing) - 1
    for _, part in ipairs(parts) do
      local from = math.max(place, part.before) - part.before
      local to = math.min(stop, part.before + part.length - 1) - part.before
      if from <= to then
        for _, id in ipairs(idsOf(part.key, part.isList, part.length, from, to)) do
          if redis.call('EXISTS', prefix .. id) == 1 then found[#found + 1] = id end
        end
      end
    end
    place = stop + 1
  end
  found[4] = place
  return found
end

local pages = {}
for i = 6, #ARGV do pages[#pages + 1] = page(tonumber(ARGV[i])) end
return pages
