"""Journals whose folder is deleted, moved or replaced while it is written to and read."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sinks.journal.consumer import JournalConsumer, lag
from sinks.journal.writer import Journal
from tests.sinks.journal.records import append, values, values_in


def delete(folder: Path, _: Path) -> None:
    """Delete the folder with all that is in it."""
    shutil.rmtree(folder)


def move(folder: Path, elsewhere: Path) -> None:
    """Move the folder to where no reader looks."""
    folder.rename(elsewhere / "moved")


@pytest.mark.parametrize("remove", [delete, move])
@pytest.mark.parametrize("depth", [0, 1])
@pytest.mark.parametrize("restarts", [False, True], ids=["same writer", "new writer"])
async def test_records_after_a_folder_is_gone_are_read(
    tmp_path: Path, remove: Callable[[Path, Path], None], depth: int, *, restarts: bool
) -> None:
    """If the folder of a journal is gone, a new one is made, and all that is acknowledged from then on is read."""
    root = tmp_path / "journals"
    journal, consumer = Journal(root / "j"), JournalConsumer(root, trim_seconds=0)
    await append(journal, 1, 2, 3, 4)
    await consumer.commit(await consumer.read(most=2, wait_seconds=0))
    unfinished = await consumer.read(most=2, wait_seconds=0)
    if restarts:
        await journal.close()
    remove((root / "j", root)[depth], tmp_path)
    if restarts:
        journal = Journal(root / "j")
    await append(journal, 5, 6)
    assert lag(root) == 2
    await consumer.commit(unfinished)
    assert await values(consumer) == [5, 6]
    await consumer.close()
    assert await values_in(root) == [5, 6]
    await append(journal, 7)
    assert await values_in(root) == [5, 6, 7]
    await journal.close()
