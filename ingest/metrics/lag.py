"""
Measures the lag: how many records were acknowledged and are not in the store yet.

The parent measures it, so that the figure stays right while the store process is down, waits for a server, or hangs.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from ingest.metrics.catalogue import DRAIN_STALLED, SPILL_RECORDS, STORE_ROWS, STREAM_LAG
from ingest.metrics.series import Totals
from sinks.errors import BusyError

#: Returns how many records wait in one stream; raises `BusyError` if that can't be known now.
Source = Callable[[], Awaitable[int]]

_EVERY_SECONDS: Final = 2.0
#: A drain that stores nothing for this long, while records wait, is not ready.
_STALLED_SECONDS: Final = 30.0


class LagMeter:
    """
    Puts the lag into `totals`, and how long the drain has made no progress.

    The latter is published only if one of this program's processes `drains`; `totals` tells how many rows it stored.
    """

    def __init__(self, totals: Totals, *, drains: bool = True) -> None:
        self._totals = totals
        self._drains = drains
        self._known: dict[int, int] = {}
        self._lag: int | None = None
        self._rows = 0.0
        self._progress_at = time.monotonic()

    async def run(self, sources: Sequence[Source]) -> None:
        """Measure until cancelled."""
        while True:
            await self.measure(sources)
            await asyncio.sleep(_EVERY_SECONDS)

    async def measure(self, sources: Sequence[Source]) -> None:
        """
        Measure once: add up the records that wait in all sources and in the spill.

        A source that does not answer counts with its last number. Until each source has answered once, a sum of 0 is
        not published, since it may be wrong.
        """
        for number, source in enumerate(sources):
            try:
                self._known[number] = await source()
            except BusyError:
                continue
        lag = sum(self._known.values())
        rows = self._totals.sum_of(STORE_ROWS)
        if lag == 0 or rows > self._rows or (self._lag is not None and lag < self._lag):
            self._progress_at = time.monotonic()
        self._rows = rows
        self._lag = lag if lag or len(self._known) == len(sources) else None
        if self._lag is not None:
            stalled = {DRAIN_STALLED.name: [((), self._stalled())]} if self._drains else {}
            waiting = self._lag + self._totals.sum_of(SPILL_RECORDS)
            self._totals.update("lag", {STREAM_LAG.name: [((), waiting)], **stalled})

    def fault(self) -> str:
        """Return a text if records wait and the drain makes no progress; else an empty one."""
        stalled = max(self._stalled(), *self._totals.values(DRAIN_STALLED).values(), 0.0)
        if stalled <= _STALLED_SECONDS:
            return ""
        return f"stores nothing for {stalled:.0f} s, though {self._lag or 'some'} records wait"

    def _stalled(self) -> float:
        return time.monotonic() - self._progress_at if self._lag else 0.0
