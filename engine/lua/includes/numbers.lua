-- Returns a number that another client wrote, nil for any other text and for NaN. Bounded to where each whole number is exact,
-- so that every command accepts it in print.
local function numberOf(text)
  local number = text and tonumber(text)
  if not number or number ~= number then return nil end
  return math.max(-9007199254740991, math.min(9007199254740991, number))
end
