"""
Inserts rows into one table, however the store takes them.

A batch that the store refuses, or can't take in one piece, is halved until it goes in or one row stands alone. A store
that is away is waited for.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from typing import Final, Protocol

from sinks.backoff import Backoff
from sinks.clickhouse.store import Store
from sinks.errors import BatchTooLargeError, BusyError, RefusedError
from sinks.rows import Row
from sinks.stream import Topic

_FIRST_PAUSE_SECONDS: Final = 0.1
_LONGEST_PAUSE_SECONDS: Final = 15.0
#: A row that the store can't take even alone is tried this often before it is taken to be at fault.
_TRIES_ALONE: Final = 3


class InsertWatch(Protocol):
    """Receives the outcome of each insert."""

    def inserted(self, topic: Topic, rows: Sequence[Row], seconds: float) -> None:
        """Note that these rows went into the topic's table in `seconds`."""

    def insert_failed(self, topic: Topic, error: BusyError, retry_seconds: float) -> None:
        """Note that the store did not take an insert, which is tried again in `retry_seconds`."""


class Inserter:
    """Inserts into one store; one insert at a time."""

    def __init__(self, store: Store, watch: InsertWatch, *, most_rows: int, stopping: asyncio.Event) -> None:
        """Insert at most `most_rows` rows at once; once `stopping` is set, don't wait for a store that is away."""
        self._store = store
        self._watch = watch
        self._most_rows = most_rows
        self._rows_at_once = most_rows
        self._stopping = stopping
        self._backoff = Backoff(_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS)

    async def insert(
        self, topic: Topic, rows: Sequence[Row], *, ours: bool = False
    ) -> list[tuple[Row, RefusedError]] | None:
        """
        Return once every row is in the table, but for those returned, which the store will never take.

        Returns None if it gave up because of a stop. Rows that are `ours` were made by this program just now: a
        store that refuses them is not as it should be, and is waited for.
        """
        pieces = deque(_cut(rows, self._rows_at_once))
        failures: Counter[int] = Counter()
        unfit: list[tuple[Row, RefusedError]] = []
        while pieces:
            piece = pieces.popleft()
            try:
                await self._insert(topic, piece)
            except (RefusedError, BatchTooLargeError) as error:
                if len(piece) > 1:
                    self._halve(piece, pieces, error)
                    continue
                failures[id(piece[0])] += 1
                if not ours and await self._is_unfit(topic, error, failures[id(piece[0])]):
                    unfit.append((piece[0], RefusedError(str(error))))
                elif await self._give_up(topic, BusyError(str(error))):
                    return None
                else:
                    pieces.append(piece)  # the others go first
            except BusyError as error:
                if await self._give_up(topic, error):
                    return None
                pieces.appendleft(piece)
        return unfit

    async def _insert(self, topic: Topic, piece: Sequence[Row]) -> None:
        started = time.monotonic()
        await asyncio.to_thread(self._store.insert, topic, piece)
        self._backoff.reset()
        self._rows_at_once = min(2 * self._rows_at_once, self._most_rows)
        self._watch.inserted(topic, piece, time.monotonic() - started)

    def _halve(self, piece: Sequence[Row], pieces: deque[Sequence[Row]], error: RefusedError | BusyError) -> None:
        middle = len(piece) // 2
        pieces.extendleft((piece[middle:], piece[:middle]))
        if isinstance(error, BatchTooLargeError):
            self._rows_at_once = max(1, middle)

    async def _is_unfit(self, topic: Topic, error: RefusedError | BusyError, failures: int) -> bool:
        """Tell whether the row is at fault: it was refused, or fails repeatedly while the table takes inserts."""
        if isinstance(error, RefusedError):
            return True
        if failures < _TRIES_ALONE:
            return False
        try:
            await asyncio.to_thread(self._store.insert, topic, [])
        except (BusyError, RefusedError):
            return False
        return True

    async def _give_up(self, topic: Topic, error: BusyError) -> bool:
        """Wait before the next try; True where there is none because of a stop."""
        if self._stopping.is_set():
            return True
        wait = self._backoff.pause()
        self._watch.insert_failed(topic, error, wait)
        try:
            await asyncio.wait_for(self._stopping.wait(), wait)
        except TimeoutError:
            return False
        return True


def _cut(rows: Sequence[Row], most: int) -> Iterator[Sequence[Row]]:
    for start in range(0, len(rows), most):
        yield rows[start : start + most]
