"""Measures the free disk space of `data_dir`, and counts the damaged places of its journals; runs in the parent."""

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ingest.metrics.catalogue import DISK_FREE, JOURNAL_DAMAGED, JOURNAL_LOST
from ingest.metrics.series import Totals
from sinks.journal.damage import damages
from sinks.journal.writer import lack_of_room

_EVERY_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class DiskMeter:
    """Puts the free space of `data_dir` and the damage that was found in `journals` into `totals`."""

    data_dir: Path
    journals: Path
    totals: Totals
    lack_of_room: Callable[[Path], str] = lack_of_room

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            await asyncio.to_thread(self.measure)
            await asyncio.sleep(_EVERY_SECONDS)

    def measure(self) -> None:
        """Measure once."""
        found = list(damages(self.journals))
        self.totals.update(
            "disk",
            {
                DISK_FREE.name: [((), shutil.disk_usage(self.data_dir).free)],
                JOURNAL_DAMAGED.name: [((), len(found))],
                JOURNAL_LOST.name: [((), sum(damage.records for damage in found))],
            },
        )

    def fault(self) -> str:
        """Return a text if the disk is full, so that callbacks are answered `busy`; else an empty one."""
        lack = self.lack_of_room(self.data_dir)
        return f"full: {lack}, so callbacks are answered `busy`" if lack else ""
