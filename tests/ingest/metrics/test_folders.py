"""Folders that are deleted whole: what is lost with them is told."""

import shutil
from pathlib import Path

import pytest
import structlog

from ingest.metrics.folders import FolderWatch
from sinks.journal.consumer import JournalConsumer
from tests.sinks.journal.records import lost, write


async def drain(root: Path, most: int) -> None:
    """Commit up to so many records."""
    consumer = JournalConsumer(root)
    await consumer.commit(await consumer.read(most=most, wait_seconds=0))
    await consumer.close()


@pytest.mark.parametrize("depth", [0, 1])
@pytest.mark.parametrize("restarts", [False, True])
async def test_what_a_deleted_journal_held_is_told(tmp_path: Path, depth: int, *, restarts: bool) -> None:
    """A journal's folder that is deleted, while the program runs or between two runs, costs what was not drained."""
    root = tmp_path / "journal"
    await write(root / "j", 1, 2, 3, 4)
    await drain(root, 1)
    watch = FolderWatch(tmp_path, root)
    watch.look()
    shutil.rmtree((root / "j", root)[depth])
    if restarts:
        watch = FolderWatch(tmp_path, root)
    with structlog.testing.capture_logs() as lines:
        for _ in range(2):
            watch.look()
    assert lost(root) == 3
    assert [(line["journal"], line["lost_records"]) for line in lines] == [("j", 3)]


@pytest.mark.parametrize("count", [2, 9])
async def test_a_journal_that_took_the_place_of_another_is_told(tmp_path: Path, count: int) -> None:
    """A new journal of the same name hides no loss, be it shorter or longer than the one that was deleted."""
    await write(tmp_path / "journal" / "j", 1, 2, 3, 4)
    watch = FolderWatch(tmp_path, tmp_path / "journal")
    watch.look()
    shutil.rmtree(tmp_path / "journal" / "j")
    await write(tmp_path / "journal" / "j", *range(count))
    for _ in range(2):
        watch.look()
    assert lost(tmp_path / "journal") == 4


@pytest.mark.parametrize("gone", ["", "acknowledged", "cursor"])
async def test_a_journal_that_lost_nothing_raises_no_alarm(tmp_path: Path, gone: str) -> None:
    """Drained journals may be deleted, `data_dir` may be copied, and the files of positions are made again."""
    root = tmp_path / "before" / "journal"
    await write(root / "j", 1, 2)
    await drain(root, 2)
    watch = FolderWatch(root.parent, root)
    watch.look()
    if gone:
        (root / "j" / gone).unlink()
    watch.look()
    shutil.copytree(root.parent, tmp_path / "after")
    FolderWatch(tmp_path / "after", tmp_path / "after" / "journal").look()
    shutil.rmtree(root / "j")
    watch.look()
    assert lost(root) == lost(tmp_path / "after" / "journal") == 0


def test_a_store_that_is_gone_is_told(tmp_path: Path) -> None:
    """The store's folder that is deleted under a running program makes it not ready; after a restart the log says so."""
    store = tmp_path / "store"
    watch = FolderWatch(tmp_path, tmp_path / "journal", store)
    watch.look()
    assert not watch.fault()
    store.mkdir()
    watch.look()
    assert not watch.fault()
    store.rename(tmp_path / "moved")
    assert "was deleted or moved" in watch.fault()
    store.mkdir()
    watch.look()
    assert "was deleted or moved" in watch.fault()
    store.rmdir()
    with structlog.testing.capture_logs() as lines:
        FolderWatch(tmp_path, tmp_path / "journal", store)
    assert [line["log_level"] for line in lines] == ["error"]
