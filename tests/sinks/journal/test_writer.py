"""The journal's writer; `tests/sinks/streams` tests what every stream does."""

import asyncio
import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sinks.errors import BusyError
from sinks.journal.consumer import JournalConsumer, lag
from sinks.journal.segment import SegmentFile, segments_in
from sinks.journal.writer import Journal
from sinks.stream import Record, Topic
from tests.sinks.disks import full_disk
from tests.sinks.journal.records import append, lost, record, segment_files, values, values_in, write
from tests.waiting import until


def groups_in(folder: Path) -> list[int]:
    """Return how many records each group of a journal has."""
    sizes: list[int] = []
    for segment in segments_in(folder):
        with SegmentFile(segment) as file:
            sizes.extend(group.last - group.before for group in file.groups())
    return [size for size in sizes if size]


@contextmanager
def failing_syncs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make every sync fail."""

    def fail(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", fail)
        yield


async def test_concurrent_appends_share_a_commit(journal: Journal, tmp_path: Path) -> None:
    """Records that arrive during a commit are written together by the next one, so that many appends cost few syncs."""
    await asyncio.gather(*(journal.append([record(number)]) for number in range(500)))
    assert sum(groups_in(tmp_path / "j")) == 500
    assert 1 <= len(groups_in(tmp_path / "j")) <= 3


async def test_only_the_append_waits_for_the_disk(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An append returns after its sync, while the event loop keeps running; appends during it share the next sync."""
    await append(journal, 1)
    disk, syncs, sync = threading.Event(), 0, os.fdatasync

    def slow(file: int) -> None:
        nonlocal syncs
        syncs += 1
        assert disk.wait(10)
        sync(file)

    monkeypatch.setattr(os, "fdatasync", slow)
    first = asyncio.create_task(journal.append([record(2)]))
    await until(lambda: syncs == 1)
    later = [asyncio.create_task(journal.append([record(number)])) for number in (3, 4)]
    await asyncio.sleep(0.05)
    assert not first.done()
    disk.set()
    await asyncio.gather(first, *later)
    assert groups_in(tmp_path / "j") == [1, 1, 2]


async def test_after_a_failed_sync_a_new_file_begins(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records of a failed sync are neither acknowledged nor reported as lost, and the next ones go to a new file."""
    await append(journal, 1)
    with failing_syncs(monkeypatch):
        for number in (2, 3):
            with pytest.raises(BusyError, match="Input/output error"):
                await append(journal, number)
    await append(journal, 4, 5)
    assert await values_in(tmp_path) == [1, 4, 5]
    assert [groups_in(tmp_path / "j"), len(segment_files(tmp_path / "j"))] == [[1, 1, 1], 2]
    assert lost(tmp_path) == 0


async def test_a_short_write_is_not_acknowledged(journal: Journal, tmp_path: Path) -> None:
    """A group that the disk takes only in part is refused and cut off; the next append works again."""
    await append(journal, 1)
    with full_disk(free_bytes=4096), pytest.raises(BusyError, match="large"):
        await journal.append([Record(Topic.REPORTS, "k", "cm", os.urandom(50_000))])
    assert segment_files(tmp_path / "j")[0].stat().st_size < 4096
    await append(journal, 2)
    assert await values_in(tmp_path) == [1, 2]
    assert lost(tmp_path) == 0


async def test_a_journal_opens_on_a_full_disk(tmp_path: Path) -> None:
    """A journal that is opened on a full disk raises `BusyError` until there is room."""
    with full_disk():
        journal = Journal(tmp_path / "j")
        for number in (1, 2):
            with pytest.raises(BusyError, match="large"):
                await append(journal, number)
    await append(journal, 3)
    assert await values_in(tmp_path) == [3]
    await journal.close()


async def test_a_reserve_of_the_disk_is_left_to_the_store(tmp_path: Path) -> None:
    """If the disk has less free space than the reserve, nothing is acknowledged, and the error says so."""
    journal = Journal(tmp_path / "j", least_free_bytes=1 << 60, least_free_share=1.1)
    with pytest.raises(BusyError, match="MiB of the disk are free"):
        await append(journal, 1)
    await journal.close()


async def test_an_error_in_one_commit_does_not_stop_the_next(journal: Journal, tmp_path: Path) -> None:
    """An error of a commit is raised to the callers that wait for it, and the next commit works."""
    unwritable = Record(Topic.REPORTS, object(), "cm", b"1")  # type: ignore[arg-type] # can't be encoded
    results = await asyncio.gather(*(journal.append([unwritable]) for _ in range(2)), return_exceptions=True)
    assert [type(result) for result in results] == [TypeError] * 2
    await append(journal, 3)
    assert await values_in(tmp_path) == [3]
    assert lost(tmp_path) == 0


async def test_an_append_that_returned_survives_sigkill(tmp_path: Path) -> None:
    """Appended records are there after the process is killed at any moment, and no loss is reported."""
    script = """
import asyncio, sys
from pathlib import Path
from sinks.journal.writer import Journal
from tests.sinks.journal.records import record

async def main():
    journal = Journal(Path(sys.argv[1]), segment_bytes=2000)
    async def client(start):
        for number in range(start, 10**9, 8):
            await journal.append([record(number)])
            print(number, flush=True)
    await asyncio.gather(*(client(start) for start in range(8)))

asyncio.run(main())
"""
    acknowledged: set[int] = set()
    for run in range(3):
        with subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "j")], stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            lines = [child.stdout.readline() for _ in range(200 + 37 * run)]
            os.kill(child.pid, signal.SIGKILL)
            lines += child.stdout.readlines()
        acknowledged = {int(line) for line in lines if line.endswith(b"\n")}
        assert acknowledged <= set(await values_in(tmp_path))
    assert len(acknowledged) >= 200
    assert lost(tmp_path) == 0


async def test_a_restart_continues_the_positions(tmp_path: Path) -> None:
    """After a restart positions continue after the last one, whichever of segments, mark and cursor is left."""
    await write(tmp_path / "j", 1, 2, 3)
    (tmp_path / "j" / "acknowledged").unlink()
    await write(tmp_path / "j", 4)
    consumer = JournalConsumer(tmp_path, keep_seconds=0)
    await consumer.commit(await consumer.read(most=10, wait_seconds=0))
    for path in segment_files(tmp_path / "j"):
        path.unlink()
    (tmp_path / "j" / "acknowledged").unlink()
    await consumer.close()
    await write(tmp_path / "j", 5)
    assert await values_in(tmp_path) == [5]
    assert [segment.first for segment in segments_in(tmp_path / "j")] == [5]
    assert lost(tmp_path) == 0


async def test_a_segment_is_closed_by_size_and_by_age(tmp_path: Path) -> None:
    """A segment is closed at its size, or at its age even without another append."""
    journal = Journal(tmp_path / "by-size", segment_bytes=1000)
    for number in range(40):
        await journal.append([Record(Topic.REPORTS, "k", "cm", os.urandom(100)), record(number)])
    assert len(segment_files(tmp_path / "by-size")) > 4
    await journal.close()
    journal = Journal(tmp_path / "by-age", segment_seconds=0.05)
    await append(journal, 1)
    [open_segment] = segment_files(tmp_path / "by-age")
    consumer = JournalConsumer(tmp_path, keep_seconds=0)
    await consumer.commit(await consumer.read(most=1000, wait_seconds=0))
    while open_segment.exists():
        await consumer.read(most=1000, wait_seconds=0.1)
    await append(journal, 2)
    assert await values(consumer) == [2]
    await consumer.close()
    await journal.close()


async def test_a_journal_has_one_writer(tmp_path: Path) -> None:
    """A second process that writes to a journal gets a `BusyError` until the first one has ended."""
    first, second = Journal(tmp_path / "j"), Journal(tmp_path / "j")
    await append(first, 1)
    with pytest.raises(BusyError, match="another process"):
        await append(second, 2)
    await first.close()
    await append(second, 3)
    await second.close()
    assert await values_in(tmp_path) == [1, 3]


async def test_a_segment_that_is_deleted_while_it_is_written_to_is_noticed(journal: Journal, tmp_path: Path) -> None:
    """An append to a deleted segment is not acknowledged, and the next one goes to a new file."""
    await append(journal, 1)
    segment_files(tmp_path / "j")[0].unlink()
    with pytest.raises(BusyError, match="deleted"):
        await append(journal, 2)
    await append(journal, 3)
    assert 3 in await values_in(tmp_path)
    assert lost(tmp_path) == 1


async def test_lag_counts_acknowledged_and_undrained_records(consumer: JournalConsumer, tmp_path: Path) -> None:
    """Any process can read the lag of all journals in a folder, whether a consumer is running or not."""
    assert lag(tmp_path) == 0
    journals = [Journal(tmp_path / name) for name in ("a", "b")]
    for journal in journals:
        await append(journal, 1, 2, 3)
    assert lag(tmp_path) == 6
    await consumer.commit(await consumer.read(most=4, wait_seconds=0))
    assert lag(tmp_path) == 2
    for journal in journals:
        await journal.close()
    assert lag(tmp_path) == 2
