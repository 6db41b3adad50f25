"""The running program reports damaged journals, keeps the unreadable bytes, and continues."""

from pathlib import Path

import pytest

from sinks.journal.consumer import lag
from sinks.journal.segment import SegmentFile, segments_in
from tests.program.running import Program, stored_ids
from tests.sinks.journal.records import write
from tests.waiting import until

_REPORT = '[{"flag":1,"mid":"m%d","mobile":"18983437011","stat":"DELIVRD","time":"2026-11-20 12:00:00"}]'


def post(program: Program, *numbers: int) -> None:
    """Post reports, and check that they are acknowledged."""
    for number in numbers:
        assert program.callback("juhe", (_REPORT % number).encode())[0] == 200


def damage(journal: Path) -> None:
    """Damage the third report, cut off the last two, and add a foreign file."""
    [segment] = segments_in(journal)
    with SegmentFile(segment) as file:
        starts = [group.start for group in file.groups()]
    content = bytearray(segment.path.read_bytes())
    content[starts[3] + 50 : starts[3] + 56] = b"\xff" * 6
    segment.path.write_bytes(content[: starts[9] + 7])
    (journal / "foreign").write_bytes(b"SQLite format 3\0")


async def test_check_reads_every_journal(tmp_path: Path) -> None:
    """`dlrhub check` counts the records in journals, fails if some can't be read, and changes nothing."""
    data = tmp_path / "dlrhub-data"
    await write(data / "journal" / "receiver-0", *range(10))
    program = Program(tmp_path)
    assert "10 records can be read, 10 wait to be drained" in program.call("check")
    damage(data / "journal" / "receiver-0")
    files = {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}
    with pytest.raises(AssertionError):
        program.call("check")
    assert files == {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}


async def test_damaged_journals_are_reported_and_the_rest_is_drained(tmp_path: Path) -> None:
    """With flipped bytes, a lost end and a foreign file, readable records are stored, and lost ones are counted."""
    with Program(tmp_path, ("ingest",)) as ingest:
        post(ingest, *range(10))
        assert ingest.stop() == 0
    journal = tmp_path / "dlrhub-data" / "journal" / "receiver-0"
    damage(journal)
    with Program(tmp_path, ("run",)) as run:
        post(run, *range(10, 15))
        await until(lambda: lag(journal.parent) == 0, seconds=60)
        assert stored_ids(run.ask) == {f"m{number}" for number in (0, 1, 3, 4, 5, 6, 7, *range(10, 15))}
        await until(lambda: run.metric("dlr_journal_lost_records") == 3, seconds=30)
        assert run.metric("dlr_journal_damaged") == 3
        assert run.get(run.admin, "/readyz")[0] == 200
        log = run.log.read_text()
        assert "1 acknowledged records are lost" in log
        assert "2 acknowledged records are lost" in log
        assert "foreign can't be read from byte 0: no record is known to be lost" in log
        assert "a process died" not in log
    assert {path.suffix for path in (journal.parent / "damaged").iterdir()} >= {".json"}


@pytest.mark.parametrize("old", ["journal/receiver-0.db", "spill/17-4/records.db"])
def test_data_of_0_1_is_refused_and_not_changed(tmp_path: Path, old: str) -> None:
    """Data of version 0.1 stops the start with a message that says what to do."""
    data = tmp_path / "dlrhub-data"
    (data / old).parent.mkdir(parents=True)
    (data / old).write_bytes(b"SQLite format 3\0")
    with pytest.raises(AssertionError, match=r"is a journal of dlrhub 0\.1 \(SQLite\).*let 0\.1 drain it"):
        Program(tmp_path).start()
    assert [path for path in data.rglob("*") if path.is_file()] == [data / old]
