"""The verification of a journal."""

import os
from pathlib import Path

from sinks.journal.consumer import JournalConsumer
from sinks.journal.verification import Verification, verify
from tests.sinks.journal.records import segment_files, write


async def test_a_verification_counts_and_changes_nothing(tmp_path: Path) -> None:
    """A verification counts readable, waiting and missing records, and gives the same result twice."""
    for start in (1, 4, 7):
        await write(tmp_path / "j", start, start + 1, start + 2)
    consumer = JournalConsumer(tmp_path)
    await consumer.commit(await consumer.read(most=2, wait_seconds=0))
    await consumer.close()
    assert verify(tmp_path / "j") == Verification("j", segments=3, records=9, waiting=7, missing=0, places=0)
    first, second, third = segment_files(tmp_path / "j")
    with first.open("r+b") as file:
        file.seek(120)
        file.write(b"\xff" * 6)
    second.unlink()
    os.truncate(third, third.stat().st_size - 1)
    for _ in range(2):
        assert verify(tmp_path / "j") == Verification("j", segments=2, records=4, waiting=7, missing=5, places=3)
    assert not (tmp_path / "damaged").exists()


async def test_an_empty_journal_is_whole(tmp_path: Path) -> None:
    """An empty journal has no records and no missing ones."""
    await write(tmp_path / "j")
    assert verify(tmp_path / "j") == Verification("j", 0, 0, 0, 0, 0)
