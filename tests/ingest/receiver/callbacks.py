"""A delivery report as each provider posts it."""

from typing import Any

import orjson

SANTO = "santo?command=RT_REQUEST&msgid=a1&da=8618688888888&dc=15&rsm=a1|0|DELIVRD||"
JUHE_ITEM = {"flag": 1, "mid": "a1", "mobile": "18983437011", "stat": "DELIVRD", "time": "2017-04-12 01:38:21"}
JUHE = orjson.dumps([JUHE_ITEM])
CM = orjson.dumps({"messages": {"msg": {"to": "00447911123456", "reference": "a1", "status": {"code": "2"}}}})
CLOUDSMS_ENVELOPE: dict[str, Any] = {
    "METHOD": "SMS_PUSH_REPORT",
    "TYPE": "REQUEST",
    "SERIAL": 77,
    "TIME": "2026-11-20 18:00:00",
    "SMS_UID": "a1",
    "SOURCE_MSISDN": "CloudSMS",
    "SMS_RESULT_LIST": [{"COUNTRY_CODE": 852, "DEST_MSISDN": "67123411", "SMS_STATE": 2, "RESULT_DESC": "DELIVERED"}],
}
CLOUDSMS = orjson.dumps(CLOUDSMS_ENVELOPE)
EXAMPLES = [("cm", CM), ("juhe", JUHE), (SANTO, None), ("cloudsms", CLOUDSMS)]
