"""What the journal promises beyond what every stream does (`tests/sinks/streams`)."""

import asyncio
import contextlib
import errno
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from sinks.errors import BusyError
from sinks.group_commit import MOST_PENDING, MOST_PENDING_BYTES, GroupCommit
from sinks.journal import journal as journals
from sinks.journal.journal import Journal, JournalConsumer
from sinks.stream import Record, Topic
from tests.waiting import until


def record(number: int, size: int = 10) -> Record:
    """Make a record that can be told from others."""
    return Record(Topic.REPORTS, f"m-{number}", "cm", f"{number}".encode().ljust(size))


async def values(consumer: JournalConsumer) -> list[int]:
    """Read all there is."""
    batch = await consumer.read(most=1_000_000, wait_seconds=0)
    return [int(record.value) for record in batch.records]


async def test_concurrent_appends_share_a_commit(tmp_path: Path) -> None:
    """What arrives while a commit is under way goes into the next, so a crowd costs few fsyncs."""
    journal = Journal(tmp_path / "j.db")
    commits = 0

    def count(statement: str) -> None:
        nonlocal commits
        commits += statement.startswith("INSERT INTO groups")

    journal._database.set_trace_callback(count)  # noqa: SLF001 - what the test is about
    await asyncio.gather(*(journal.append([record(number)]) for number in range(500)))
    await journal.close()
    assert 1 <= commits <= 3


async def test_an_append_waits_for_the_disk_and_nothing_else_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record is written at once; its append returns after the sync, and what comes meanwhile shares the next one."""
    journal = Journal(tmp_path / "j.db")
    consumer = JournalConsumer(tmp_path)
    slow = asyncio.Event()
    syncs = 0

    async def flush() -> None:
        nonlocal syncs
        syncs += 1
        await slow.wait()

    monkeypatch.setattr(journal._datasync, "flush", flush)  # noqa: SLF001 - no disk here is slow
    first = asyncio.create_task(journal.append([record(1)]))
    await until(lambda: syncs == 1)
    later = [asyncio.create_task(journal.append([record(number)])) for number in (2, 3)]
    assert await values(consumer) == [1]
    assert not first.done()
    slow.set()
    await asyncio.gather(first, *later)
    assert syncs == 2
    await consumer.close()
    await journal.close()


async def test_a_reader_that_hangs_in_its_commit_does_not_hang_the_loop(tmp_path: Path) -> None:
    """While another process holds the lock, an append is turned away within a second or so, and succeeds after."""
    journal = Journal(tmp_path / "j.db")
    reader = sqlite3.connect(tmp_path / "j.db", isolation_level=None)
    reader.execute("BEGIN IMMEDIATE")
    clock = asyncio.get_running_loop().time
    started = clock()
    with pytest.raises(BusyError, match="locked"):
        await journal.append([record(1)])
    assert clock() - started < 10
    reader.close()
    await journal.append([record(2)])
    await journal.close()


async def test_after_a_failed_sync_nothing_rests_on_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What the disk refused is not acknowledged, and the next append first moves all into the database.

    The kernel tells of pages that it lost but once, so that the next sync of the same log would prove nothing.
    """
    journal = Journal(tmp_path / "j.db")
    await journal.append([record(1)])

    async def broken() -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(journal._datasync, "flush", broken)  # noqa: SLF001 - no disk here breaks
        with pytest.raises(BusyError, match="Input/output error"):
            await journal.append([record(2)])
    assert held_without_log(tmp_path) == 0
    reader = sqlite3.connect(tmp_path / "j.db", isolation_level=None)
    journal._database.execute("PRAGMA busy_timeout = 0")  # noqa: SLF001 - or it waits for half a minute
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM groups").fetchall()
    with pytest.raises(BusyError, match="reader"):
        await journal.append([record(3)])
    reader.close()
    await journal.append([record(4)])
    await journal.append([record(5)])
    assert held_without_log(tmp_path) == 2
    consumer = JournalConsumer(tmp_path)
    assert await values(consumer) == [1, 2, 4, 5]
    await consumer.close()
    await journal.close()


def held_without_log(folder: Path) -> int:
    """Count the groups that are in the database file itself."""
    copy = folder / "copy" / "j.db"
    copy.parent.mkdir(exist_ok=True)
    shutil.copy(folder / "j.db", copy)
    with contextlib.closing(sqlite3.connect(copy)) as database:
        (tables,) = database.execute("SELECT count() FROM sqlite_master WHERE name = 'groups'").fetchone()
        return int(database.execute("SELECT count() FROM groups").fetchone()[0]) if tables else 0


async def test_a_fault_in_one_commit_is_told_and_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a commit raises reaches those who wait for it, and the next one is made."""
    journal = Journal(tmp_path / "j.db")
    with monkeypatch.context() as patch:
        patch.setattr(journals, "_encode", lambda _group: 1 / 0)
        results = await asyncio.gather(*(journal.append([record(n)]) for n in (1, 2)), return_exceptions=True)
    assert [type(result) for result in results] == [ZeroDivisionError] * 2
    await journal.append([record(3)])
    await journal.close()


async def test_an_append_that_returned_survives_sigkill(tmp_path: Path) -> None:
    """What was appended is there after the process is killed at any moment."""
    script = """
import asyncio, sys
from pathlib import Path
from sinks.journal.journal import Journal
from sinks.stream import Record, Topic
from tests.waiting import until

async def main():
    journal = Journal(Path(sys.argv[1]))
    async def client(start):
        for number in range(start, 10**9, 8):
            await journal.append([Record(Topic.REPORTS, "k", "cm", str(number).encode())])
            print(number, flush=True)
    await asyncio.gather(*(client(start) for start in range(8)))

asyncio.run(main())
"""
    acknowledged: set[int] = set()
    for run in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path / f"{run}.db")], stdout=subprocess.PIPE
        ) as child:
            assert child.stdout is not None
            lines = [child.stdout.readline() for _ in range(200 + 37 * run)]
            os.kill(child.pid, signal.SIGKILL)
            lines += child.stdout.readlines()
        acknowledged = {int(line) for line in lines if line.endswith(b"\n")}
        consumer = JournalConsumer(tmp_path)
        assert acknowledged <= set(await values(consumer))
        await consumer.close()
        (tmp_path / f"{run}.db").unlink()
    assert len(acknowledged) >= 200


async def test_drained_rows_are_taken_away_once_they_have_aged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is bounded by what is not drained yet plus what is kept, and undrained rows are never taken away."""
    monkeypatch.setattr(journals, "KEEP_RECORDS", 50)
    monkeypatch.setattr(journals, "_TRIM_EVERY_SECONDS", 0)
    journal, consumer = Journal(tmp_path / "j.db"), JournalConsumer(tmp_path)
    for start in range(0, 3000, 100):
        await journal.append([record(number, 2000) for number in range(start, start + 100)])
        if start < 2000:
            await consumer.commit(await consumer.read(most=1000, wait_seconds=0))
    with sqlite3.connect(tmp_path / "j.db") as database:
        kept = [position for (position,) in database.execute("SELECT position FROM groups ORDER BY position")]
    assert kept[-1] == 3000
    assert kept[0] == 2000
    assert await values(consumer) == list(range(2000, 3000))
    assert (tmp_path / "j.db").stat().st_size < 6_000_000
    await consumer.close()
    await journal.close()


async def test_after_a_reboot_what_is_kept_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine may lose with the power what it had acknowledged, so a reboot rewinds to the oldest kept row."""
    journal = Journal(tmp_path / "j.db")
    await journal.append([record(number) for number in range(10)])
    consumer = JournalConsumer(tmp_path)
    await consumer.commit(await consumer.read(most=10, wait_seconds=0))
    await consumer.close()
    same_boot = JournalConsumer(tmp_path)
    assert await values(same_boot) == []
    await same_boot.close()
    monkeypatch.setattr(journals, "_boot", lambda: "another boot")
    rebooted = JournalConsumer(tmp_path)
    assert await values(rebooted) == list(range(10))
    await rebooted.close()
    await journal.close()


async def test_a_full_disk_is_busy_and_passes(tmp_path: Path) -> None:
    """Where the journal can't grow nothing is acknowledged, and it goes on once it can."""
    journal = Journal(tmp_path / "j.db")
    (pages,) = journal._database.execute("PRAGMA page_count").fetchone()  # noqa: SLF001 - there is no smaller full disk
    journal._database.execute(f"PRAGMA max_page_count = {pages + 2}")  # noqa: SLF001
    with pytest.raises(BusyError, match="full"):
        await journal.append([Record(Topic.REPORTS, "k", "cm", os.urandom(50_000))])
    journal._database.execute("PRAGMA max_page_count = 1000000")  # noqa: SLF001
    await journal.append([record(7)])
    consumer = JournalConsumer(tmp_path)
    assert await values(consumer) == [7]
    await consumer.close()
    await journal.close()


@pytest.mark.parametrize(("records", "size"), [(MOST_PENDING, 10), (64, MOST_PENDING_BYTES // 64)])
async def test_a_stream_that_stalls_turns_new_appends_away(records: int, size: int) -> None:
    """What waits for a stalled write is bounded in number and in bytes, and what is turned away is told so."""
    stalled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    written: list[int] = []

    def write(group: Sequence[Record]) -> asyncio.Future[None]:
        written.append(len(group))
        return stalled

    group = GroupCommit(write)
    first = asyncio.create_task(group.append([record(1)]))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting = asyncio.create_task(group.append([record(1, size)] * records))
    await asyncio.sleep(0)
    with pytest.raises(BusyError, match="keep up"):
        await group.append([record(2)])
    stalled.set_result(None)
    await asyncio.gather(first, waiting)
    assert written == [1, records]
    await group.append([record(2)])
