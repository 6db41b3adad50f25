-- One report a request, of every provider in turn; ids never repeat, stamps are of one minute. DELAY_MS (environment) paces it.
local n = 0
local delay_ms = tonumber(os.getenv("DELAY_MS") or "0")
local seed = tonumber(os.getenv("SEED") or tostring(os.time()))
local json = { ["Content-Type"] = "application/json" }

local function second() return string.format("%02d", n % 59) end

local makers = {
  function(id) return wrk.format("GET", "/callbacks/cm?CREATED_S=2026-11-20T10%3A00%3A00&DATETIME_S=2026-11-20T10%3A00%3A" .. second() .. "&GSM=0044791112" ..
    string.format("%04d", n % 10000) .. "&REFERENCE=" .. id .. "&STANDARDERRORTEXT=&STATUS=2&STATUSDESCRIPTION=") end,
  function(id) return wrk.format("POST", "/callbacks/cm", json, '{"messages":{"msg":{"received":"2026-11-20T10:00:' .. second() .. '","to":"0044791112' ..
    string.format("%04d", n % 10000) .. '","reference":"' .. id .. '","status":{"code":"2","errorCode":"","errorDescription":"Delivered"},"operator":"23410"}}}') end,
  function(id) return wrk.format("POST", "/callbacks/juhe", json, '[{"flag":1,"mid":"' .. id .. '","spid":"922011","accessCode":"106901234","mobile":"1898343' ..
    string.format("%04d", n % 10000) .. '","stat":"DELIVRD","time":"2026-11-20 18:00:' .. second() .. '"}]') end,
  function(id) return wrk.format("GET", "/callbacks/santo?command=RT_REQUEST&msgid=" .. id .. "&da=861861888" .. string.format("%04d", n % 10000) ..
    "&dc=15&rsm=" .. id .. "|0|DELIVRD||") end,
  function(id) return wrk.format("POST", "/callbacks/cloudsms", json, '{"METHOD":"SMS_PUSH_REPORT","TYPE":"REQUEST","SERIAL":2,"TIME":"2026-11-20 18:00:06","REPORT_TIME":"2026-11-20 18:00:' .. second() .. '","SOURCE_MSISDN":"CloudSMS","SMS_UID":"' ..
    id .. '","SMS_RESULT_LIST":[{"COUNTRY_CODE":852,"DEST_MSISDN":"6712' .. string.format("%04d", n % 10000) ..
    '","SMS_STATE":2,"RESULT_DESC":"DELIVERED"}],"CUSTOMER_BODY":{}}') end,
}

function setup(thread) seed = seed + 1; thread:set("seed", seed) end
function delay() return delay_ms end
function request()
  n = n + 1
  return makers[n % #makers + 1](string.format("%x%08x", seed, n))
end
