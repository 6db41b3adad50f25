-- A Juhe array of a hundred reports a request; ids never repeat.
local n = 0
local seed = tonumber(os.getenv("SEED") or tostring(os.time()))

function setup(thread) seed = seed + 1; thread:set("seed", seed) end
function request()
  n = n + 1
  local items = {}
  for i = 1, 100 do
    items[i] = '{"flag":1,"mid":"' .. string.format("%x%08x%02x", seed, n, i) .. '","spid":"922011","accessCode":"106901234","mobile":"189834' ..
      string.format("%05d", (n * 100 + i) % 100000) .. '","stat":"DELIVRD","time":"2026-11-20 18:00:05"}'
  end
  return wrk.format("POST", "/callbacks/juhe", { ["Content-Type"] = "application/json" }, "[" .. table.concat(items, ",") .. "]")
end
