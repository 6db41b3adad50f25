"""A person is forgotten while the program runs, and nobody else is."""

import time
from pathlib import Path

import orjson
import pytest

from tests.program.running import Program

NATIONAL = "18983437010"
REPORT = '{{"flag":1,"mid":"m-{n}","spid":"9","mobile":"189834370{n}","stat":"DELIVRD","time":"2026-11-20 01:38:21"}}'
#: A segment of the journal is left after a minute, and ClickHouse removes old files within another one.
FORGET_SECONDS = 240


@pytest.mark.timeout(FORGET_SECONDS + 60)
def test_a_person_is_forgotten_while_it_runs(tmp_path: Path) -> None:
    """After `dlrhub forget`, no table and no file has the number, and every other report is counted as before."""
    with Program(tmp_path) as program:
        items = ",".join(REPORT.format(n=n) for n in range(10, 60))
        assert program.callback("juhe", f"[{items}]".encode())[0] == 200
        assert program.callback("juhe", f'[{{"flag":1,"mid":"x","mobile":"{NATIONAL}"}}]'.encode())[0] == 400
        deadline = time.monotonic() + 20
        while program.ask("SELECT count() AS n FROM reports") != [{"n": 50}]:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        told = program.call("forget", f"+86 {NATIONAL}", seconds=FORGET_SECONDS)
        assert "reports: 1 rows deleted" in told
        assert "still in" not in told
        [row] = program.ask(
            "SELECT (SELECT count() FROM reports) AS reports, (SELECT count() FROM messages) AS messages,"
            f" (SELECT countIf(recipient LIKE '%{NATIONAL}%' OR raw LIKE '%{NATIONAL}%') FROM reports) AS left,"
            " (SELECT any(body) FROM dead_letters) AS body"
        )
        assert (row["reports"], row["messages"], row["left"]) == (49, 49, 0)
        assert orjson.loads(row["body"])[0]["mobile"] == "***"
