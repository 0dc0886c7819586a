-- wrk script: every request has another token that does not exist.
local counter = 0

function request()
  counter = counter + 1
  return wrk.format("POST", "/reservation/1/1", {["Authorization"] = string.format("Bearer drv_wrong_%016d", counter)})
end
