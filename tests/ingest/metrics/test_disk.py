"""Reports on the disk, and on journals that can't be read."""

from functools import partial
from pathlib import Path

from prometheus_client.core import Metric

from ingest.metrics import catalogue
from ingest.metrics.disk import DiskMeter
from ingest.metrics.folders import FolderWatch
from ingest.metrics.series import Totals
from sinks.journal.writer import lack_of_room
from tests.sinks.journal.records import segment_files, values_in, write


def value(totals: Totals, name: str) -> float:
    """Return the one sample of a gauge."""
    families: dict[str, Metric] = {family.name: family for family in totals.collect()}
    [sample] = families[name].samples
    return float(sample.value)


async def test_damage_is_told_until_it_is_moved_away(tmp_path: Path) -> None:
    """Lost records stay in the metrics, across restarts, until an operator has moved the note of them."""
    journals = tmp_path / "journal"
    await write(journals / "j", 1, 2, 3)
    await write(journals / "j", 4)
    segment_files(journals / "j")[0].unlink()
    assert await values_in(journals) == [4]
    totals = Totals(catalogue.ALL)
    for _ in range(2):
        totals = Totals(catalogue.ALL)
        DiskMeter(tmp_path, FolderWatch(tmp_path, journals), totals).measure()
        assert value(totals, "dlr_journal_damaged") == 1
        assert value(totals, "dlr_journal_lost_records") == 3
        assert value(totals, "dlr_disk_free_bytes") > 0
    for note in (journals / "damaged").iterdir():
        note.unlink()
    DiskMeter(tmp_path, FolderWatch(tmp_path, journals), totals).measure()
    assert value(totals, "dlr_journal_lost_records") == 0


def test_a_full_disk_is_a_fault(tmp_path: Path) -> None:
    """Readiness says that the disk is full, how much is left, and what becomes of callbacks."""
    totals = Totals(catalogue.ALL)
    assert not DiskMeter(tmp_path, FolderWatch(tmp_path, tmp_path), totals).fault()
    full = partial(lack_of_room, least_free_bytes=1 << 60, least_free_share=1.1)
    fault = DiskMeter(tmp_path, FolderWatch(tmp_path, tmp_path), totals, lack_of_room=full).fault()
    assert "MiB of the disk are free" in fault
    assert "`busy`" in fault
