"""Measures the free space of the disk of `data_dir`, and counts damaged places of its journals. Runs in the parent."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ingest.metrics.catalogue import DISK_FREE, JOURNAL_DAMAGED, JOURNAL_LOST
from ingest.metrics.series import Totals
from sinks.journal.damage import damages
from sinks.journal.writer import lack_of_room

_EVERY_SECONDS: Final = 2.0


class DiskMeter:
    """Measures again and again, into `totals`."""

    def __init__(
        self,
        data_dir: Path,
        journals: Path,
        totals: Totals,
        *,
        lack_of_room: Callable[[Path], str] = lack_of_room,
    ) -> None:
        """Measure the disk of `data_dir`, and look at what was set aside in the folder `journals`."""
        self._data_dir = data_dir
        self._journals = journals
        self._totals = totals
        self._lack_of_room = lack_of_room

    async def run(self, every_seconds: float = _EVERY_SECONDS) -> None:
        """Measure until cancelled."""
        while True:
            await asyncio.to_thread(self.measure)
            await asyncio.sleep(every_seconds)

    def measure(self) -> None:
        """Measure once."""
        found = list(damages(self._journals))
        self._totals.update(
            "disk",
            {
                DISK_FREE.name: [((), shutil.disk_usage(self._data_dir).free)],
                JOURNAL_DAMAGED.name: [((), len(found))],
                JOURNAL_LOST.name: [((), sum(damage.records for damage in found))],
            },
        )

    def fault(self) -> str:
        """Say that the disk is full, so that callbacks are answered `busy`; empty if it is not."""
        lack = self._lack_of_room(self._data_dir)
        return f"full: {lack}, so callbacks are answered `busy`" if lack else ""
