-- wrk script: every request reserves a seat for the next (event, user) pair among USERS users and EVENTS events.
local users = tonumber(os.getenv("USERS") or "20000")
local events = tonumber(os.getenv("EVENTS") or "100")
local counter = 0

function request()
  local n = counter
  counter = counter + 1
  return wrk.format("POST", "/reservation/" .. (math.floor(n / users) % events + 1) .. "/" .. (n % users + 1))
end
