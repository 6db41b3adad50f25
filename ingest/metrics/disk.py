"""Measures the free disk space of `data_dir`, and counts the damaged places of its journals; runs in the parent."""

import asyncio
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ingest.metrics.catalogue import DISK_FREE, JOURNAL_DAMAGED, JOURNAL_LOST
from ingest.metrics.folders import FolderWatch
from ingest.metrics.series import Totals
from sinks.journal.damage import damages
from sinks.journal.writer import lack_of_room

_EVERY_SECONDS: Final = 2.0


@dataclass(frozen=True)
class DiskMeter:
    """Puts the free space of `data_dir` and the damage that was found in the journals into `totals`."""

    data_dir: Path
    folders: FolderWatch
    totals: Totals
    lack_of_room: Callable[[Path], str] = lack_of_room

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            await asyncio.to_thread(self.measure)
            await asyncio.sleep(_EVERY_SECONDS)

    def measure(self) -> None:
        """Measure once."""
        free = 0
        with suppress(OSError):  # a full disk, or a `data_dir` that is gone: it is measured again
            self.folders.look()
            free = shutil.disk_usage(self.data_dir).free
        found = list(damages(self.folders.journals))
        self.totals.update(
            "disk",
            {
                DISK_FREE.name: [((), free)],
                JOURNAL_DAMAGED.name: [((), len(found))],
                JOURNAL_LOST.name: [((), sum(damage.records for damage in found))],
            },
        )

    def fault(self) -> str:
        """Return a text if the disk is full, or if a folder that is in use is gone; else an empty one."""
        try:
            lack = self.lack_of_room(self.data_dir)
        except FileNotFoundError:
            return f"{self.data_dir} was deleted or moved"
        if gone := self.folders.fault():
            return gone
        return f"full: {lack}, so callbacks are answered `busy`" if lack else ""
