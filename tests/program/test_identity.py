"""The whole program counts each report once, however its provider spells it, and reads the operator's codes."""

import json
from pathlib import Path

from tests.program.running import Program

SETTINGS = """
[providers.juhe]
codes = { "MK:0004" = { status = "undeliverable", reason = "network_error", meaning = "no answer from the operator" } }
"""
CM = "CREATED_S=2025-11-20+12:00:00&DATETIME_S=2025-11-20+12:00:05&GSM=00447400123456&STATUS=2"


def juhe(mid: str, stat: str) -> bytes:
    """Return a report of Juhe."""
    return json.dumps([{"mid": mid, "mobile": "13800138000", "stat": stat, "time": "2025-11-20 20:00:05"}]).encode()


def cm(reference: str, created: str = "2025-11-20T12:00:00", **fields: str) -> bytes:
    """Return a report of CM by POST."""
    message = {"received": created, "to": "+447400123456", "reference": reference, "status": {"code": "2"}, **fields}
    return json.dumps({"messages": {"msg": message}}).encode()


def cloudsms(sent_at: str, number: str) -> bytes:
    """Return a packet of CloudSMS with one report."""
    result = {"COUNTRY_CODE": 49, "DEST_MSISDN": number, "SMS_STATE": 2, "RESULT_DESC": "DELIVERED"}
    packet = {"METHOD": "SMS_PUSH_REPORT", "TYPE": "REQUEST", "SERIAL": 1, "TIME": sent_at, "SMS_UID": "U-1"}
    return json.dumps({**packet, "SOURCE_MSISDN": "CloudSMS", "SMS_RESULT_LIST": [result]}).encode()


def test_a_real_report_is_one_row(tmp_path: Path) -> None:
    """A report in several spellings, paths and packets is one row; two messages with one reference stay two."""
    (tmp_path / "dlrhub.toml").write_text(SETTINGS, encoding="utf-8")
    with Program(tmp_path) as program:
        for path, body in (
            (f"cm?{CM}&REFERENCE=A-1", b""),
            ("cm", cm("A-1")),
            ("cm", b"\xef\xbb\xbf" + cm("A-1", "20251120120000")),
            ("cm", cm("otp")),
            ("cm", cm("otp", "2025-11-20T12:00:01")),
            ("juhe", juhe("M-1", "DELIVRD")),
            ("juhe", juhe("M-1", "delivrd").replace(b"2025-11-20 20", b"2025-11-20T20")),
            ("juhe", b'{"list":' + juhe("M-2", "MK:0004") + b"}"),
            ("juhe", juhe("M-3", "UNDELIV")),
            ("juhe", juhe("M-4", "MB:1")),
            ("cloudsms", cloudsms("2025-11-20 20:00:07", "15112345678")),
            ("cloudsms", cloudsms("2025-11-20 20:10:07", "4915112345678")),
        ):
            assert program.callback(path, body)[0] == 200, path
        program.wait_until_drained()
        counted = program.ask("SELECT message_id, count() AS n FROM reports GROUP BY message_id ORDER BY message_id")
        assert {row["message_id"]: int(row["n"]) for row in counted} == {
            "A-1": 1, "M-1": 1, "M-2": 1, "M-3": 1, "M-4": 1, "U-1": 1, "otp": 2,
        }  # fmt: skip
        stamps = program.ask("SELECT message_stamp FROM messages WHERE message_id = 'otp' ORDER BY ALL")
        assert [row["message_stamp"] for row in stamps] == ["2025-11-20T12:00:00", "2025-11-20T12:00:01"]
        read = program.ask("SELECT status, code_source FROM reports WHERE provider = 'juhe' ORDER BY message_id")
        assert [(row["status"], row["code_source"]) for row in read] == [
            ("delivered", "document"),
            ("undeliverable", "settings"),
            ("undeliverable", "smpp"),
            ("unknown", ""),
        ]
        [known] = program.ask("SELECT status, meaning FROM codes WHERE provider = 'juhe' AND source = 'settings'")
        assert known == {"status": "undeliverable", "meaning": "no answer from the operator"}
        unmapped = program.call("codes", "--unmapped")
        assert '"MB:1" = { status = "unknown" }' in unmapped
        assert "MK:0004" not in unmapped
