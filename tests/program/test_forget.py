"""`dlrhub forget` on the running program erases one person's data, also after it was killed."""

import random
from pathlib import Path

import orjson
import pytest

from sinks.journal.consumer import journals_in
from sinks.journal.segment import SegmentFile, segments_in
from tests.program.running import Program

NATIONAL = "18983437010"
REPORT = '{{"flag":1,"mid":"m-{n}","spid":"9","mobile":"189834370{n}","stat":"DELIVRD","time":"2026-11-20 01:38:21"}}'
#: The journal closes a segment after a minute, and ClickHouse removes old files within another one.
FORGET_SECONDS = 240
#: Payloads that can't be read, each with the number in another spelling.
UNREADABLE = [
    f'[{{"flag":1,"mid":"x","mobile":"{NATIONAL}"}}]'.encode(),
    f"\ufeff{NATIONAL}".encode("utf-16-le"),
    NATIONAL.encode("utf-16-be"),
    b"\xff" + NATIONAL.encode() + b"\xfe",
    b'[{"mobile":"\\u00318983437010"}',
    b"mobile=%2B86%31%38%39%38%33%34%33%37%30%31%30",
    b"sm=" + NATIONAL.encode().hex().encode(),
    b"0086 (0) 189-8343-7010",
]


def _post(program: Program) -> None:
    items = ",".join(REPORT.format(n=n) for n in range(10, 60))
    assert program.callback("juhe", f"[{items}]".encode())[0] == 200
    for body in UNREADABLE:
        assert program.callback("juhe", body)[0] == 400
    program.wait_until_drained()


def _left_in_journals(data: Path) -> list[bytes]:
    """Return the records in the journals that contain the person's number."""
    found = []
    for folder in journals_in(data / "journal"):
        for segment in segments_in(folder):
            with SegmentFile(segment) as file:
                at = 0
                while group := file.group_at(at):
                    at = group.end
                    if group.last > group.before:
                        found += [record.value for record in group.records() if record is not None]
    return [value for value in found if NATIONAL.encode() in value]


@pytest.mark.timeout(FORGET_SECONDS + 60)
def test_a_person_is_forgotten_on_a_running_program(tmp_path: Path) -> None:
    """After `dlrhub forget`, no table and no journal has the number, and all other reports are still there."""
    with Program(tmp_path) as program:
        _post(program)
        told = program.call("forget", f"+86 {NATIONAL}", seconds=FORGET_SECONDS)
        assert "reports: 1 rows deleted" in told
        assert "still in" not in told
        [row] = program.ask(
            "SELECT (SELECT count() FROM reports) AS reports, (SELECT count() FROM messages) AS messages,"
            f" (SELECT countIf(recipient LIKE '%{NATIONAL}%' OR raw LIKE '%{NATIONAL}%') FROM reports) AS left,"
            " (SELECT count() FROM dead_letters) AS letters,"
            " (SELECT countIf(position(if(body_encoding = 'base64', base64Decode(body), body), '***') > 0)"
            " FROM dead_letters) AS redacted"
        )
        assert row == {
            "reports": 49,
            "messages": 49,
            "left": 0,
            "letters": len(UNREADABLE),
            "redacted": len(UNREADABLE),
        }
        assert not _left_in_journals(program.folder / "dlrhub-data")


def _rows(program: Program) -> dict[str, list[dict[str, object]]]:
    return {view: program.ask(f"SELECT * FROM {view} ORDER BY ALL") for view in ("reports", "messages", "dead_letters")}


@pytest.mark.timeout(FORGET_SECONDS + 60)
def test_a_forgetting_that_is_killed_is_run_again(tmp_path: Path) -> None:
    """After SIGKILLs of the command and of the store process at any moment, another run erases everything."""
    moments = random.Random(15)  # noqa: S311 - moments to kill at
    with Program(tmp_path) as program:
        _post(program)
        before = _rows(program)
        assert program.stop() == 0
    with program:  # a restart, so that no segment with the number is open, which `forget` would wait for
        for _ in range(3):
            program.cut_short("forget", f"+86{NATIONAL}", seconds=moments.uniform(1.0, 2.5))
            program.kill_child("store")
        told = program.call("forget", f"+86{NATIONAL}", seconds=FORGET_SECONDS)
        assert "still in" not in told
        after = _rows(program)
        assert program.stop() == 0
    for view in ("reports", "messages"):
        assert after[view] == [row for row in before[view] if row["recipient"] != f"+86{NATIONAL}"]
    assert [row["id"] for row in after["dead_letters"]] == [row["id"] for row in before["dead_letters"]]
    assert NATIONAL not in orjson.dumps(after).decode()
