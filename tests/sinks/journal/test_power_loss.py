"""
The journal after a power loss: every acknowledged record is there, and no loss is reported.

More crashes than in the normal run: `DLRHUB_CRASHES=10000 pytest tests/sinks/journal/test_power_loss.py`.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest

from sinks.journal.consumer import JournalConsumer
from sinks.journal.writer import Journal
from tests.sinks.journal.disk import Disk, Recording
from tests.sinks.journal.records import lost, record, values

_CRASHES: Final = int(os.environ.get("DLRHUB_CRASHES", "500"))
_MARKER: Final = 10**9


@pytest.fixture
def memory() -> Iterator[Path]:
    """Return a folder in memory, if the machine has one, so that syncs are fast."""
    shared = Path("/dev/shm")  # noqa: S108 - memory, on Linux
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as folder:
        yield Path(folder)


async def run(recording: Recording, *, keep_seconds: float) -> None:
    """Append, drain, restart and drain again, with small segments; note what was acknowledged and stored."""
    chance = Random(3)  # noqa: S311 - no secret
    number = 0
    consumer = JournalConsumer(recording.root, keep_seconds=keep_seconds, trim_seconds=0, boot="before")
    for _ in range(3):
        journal = Journal(recording.root / "journal", segment_bytes=3000)
        for _ in range(60):
            count, size = chance.choice(((1, 30), (3, 700), (8, 2000)))
            recording.note("appended", *range(number, number + count))
            await journal.append([record(number + each, size) for each in range(count)])
            recording.note("acknowledged", *range(number, number + count))
            number += count
            if chance.random() < 0.4:
                batch = await consumer.read(most=chance.choice((5, 1000)), wait_seconds=0)
                recording.note("stored", *(int(each.value) for each in batch.records))
                await consumer.commit(batch)
        await journal.close()
    await consumer.close()


@pytest.mark.parametrize("keep_seconds", [0, 600], ids=["spill", "journal"])
async def test_acknowledged_records_survive_a_power_loss(
    keep_seconds: float, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a crash at any moment that loses any unsynced sectors and names, every acknowledged record is there."""
    recording = Recording(memory / "run")
    recording.root.mkdir()
    with recording.recording(monkeypatch):
        await run(recording, keep_seconds=keep_seconds)
    chance = Random(5)  # noqa: S311 - no secret
    moments = sorted(chance.randrange(len(recording.events)) for _ in range(_CRASHES // 2))
    disk, replayed = Disk(), 0
    for crash, moment in enumerate(moments):
        for event in recording.events[replayed:moment]:
            disk.replay(event)
        replayed = moment
        left = memory / f"{crash}"
        left.mkdir()
        disk.crash(chance, left)
        await check(left, recording.events[:moment], keep_seconds)
        shutil.rmtree(left)


async def check(left: Path, events: list[tuple[Any, ...]], keep_seconds: float) -> None:
    """Recover as a restart does, and compare the records with the events."""
    known: dict[str, set[int]] = {"appended": set(), "acknowledged": set(), "stored": set()}
    for name, *numbers in events:
        if name in known:
            known[name].update(numbers)
    journal = Journal(left / "journal", segment_bytes=3000)
    await journal.append([record(_MARKER)])
    consumer = JournalConsumer(left, keep_seconds=keep_seconds, boot="after")
    read = set(await values(consumer))
    await consumer.close()
    await journal.close()
    assert _MARKER in read
    assert read - {_MARKER} <= known["appended"]
    assert known["acknowledged"] <= read | known["stored"]
    assert lost(left) == 0
    assert not (left / "damaged").exists()
