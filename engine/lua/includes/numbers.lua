-- A number that another client wrote. nil for what is none, NaN as well; bounded to where each whole number is exact, so that
-- it prints as one that every command takes.
local function numberOf(text)
  local number = text and tonumber(text)
  if not number or number ~= number then return nil end
  return math.max(-9007199254740991, math.min(9007199254740991, number))
end
