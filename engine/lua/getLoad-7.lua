--[[
  Counts the work of a queue, at one moment.

  KEYS[1]  id                string  <prefix>:<queue>:id
  KEYS[2]  wait              list    …:wait
  KEYS[3]  paused            list    …:paused
  KEYS[4]  active            list    …:active
  KEYS[5]  prioritized       zset    …:prioritized
  KEYS[6]  delayed           zset    …:delayed
  KEYS[7]  waiting-children  zset    …:waiting-children

  Returns  how many jobs may run at once; how many have not ended; the last id that was drawn
  Events   none
]]
--- @keys
local waiting = redis.call('LLEN', keys.wait) + redis.call('LLEN', keys.paused) + redis.call('ZCARD', keys.prioritized)
local later = redis.call('ZCARD', keys.delayed) + redis.call('ZCARD', keys.waitingChildren)
return { waiting, waiting + redis.call('LLEN', keys.active) + later, tonumber(redis.call('GET', keys.id) or 0) or 0 }
