"""
The drain: from the stream into the store.

Read, insert, then commit: what dies in between is read again, and the store collapses what it has already. A row that
the store refuses is singled out and kept as a dead letter; a store that is away or slow is waited for.
"""

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, Protocol

from normalizers.errors import Fault
from sinks.clickhouse.store import Store
from sinks.errors import BusyError, RefusedError
from sinks.records import dead_letter_record
from sinks.stream import Batch, Consumer, Record, Topic

_FIRST_BACKOFF_SECONDS: Final = 0.1
_LONGEST_BACKOFF_SECONDS: Final = 15.0
#: After an insert there is a pause this many times as long, up to a second: few large inserts cost a store that has much
#: to do less than many small ones.
_PAUSE_PER_INSERT: Final = 10
_LONGEST_PAUSE_SECONDS: Final = 1.0


class Watch(Protocol):
    """Who is told how the drain fares; `ingest.metrics` is."""

    def inserted(self, topic: Topic, values: Sequence[bytes], seconds: float) -> None:
        """Note that these values went into the topic's table in `seconds`."""

    def insert_failed(self, topic: Topic, error: BusyError, retry_seconds: float) -> None:
        """Note that the store did not take an insert, which is tried again in `retry_seconds`."""

    def refused(self, topic: Topic, error: RefusedError) -> None:
        """Note that the store refused one row for good."""

    def lag(self, records: int) -> None:
        """Note how many records wait for the store."""


class Drain:
    """Moves one stream's records into one store, until it is stopped."""

    def __init__(
        self,
        consumer: Consumer,
        store: Store,
        watch: Watch,
        *,
        batch_rows: int = 20_000,
        batch_seconds: float = 0.3,
        to_the_end: bool = True,
        complete: Mapping[Topic, Callable[[bytes], bytes]] | None = None,
    ) -> None:
        """
        Insert at most `batch_rows` rows at a time, and pause for `batch_seconds` after an insert while fewer wait, or
        longer, but no more than a second, where inserts take long.

        When it is stopped it goes on to the stream's end, or, without `to_the_end`, to the end of its batch: others
        may write to the stream for ever. `complete` makes a row of a topic's value before it is inserted; it raises
        `RefusedError` where it can't, and leaves a row as it is.
        """
        self._consumer = consumer
        self._store = store
        self._watch = watch
        self._batch_rows = batch_rows
        self._batch_seconds = batch_seconds
        self._to_the_end = to_the_end
        self._complete = complete or {}
        self._stopping = asyncio.Event()
        self._inserting_seconds = 0.0

    def stop(self) -> None:
        """Ask `run` to return soon: once it is at its end, or the store is away."""
        self._stopping.set()

    async def run(self) -> None:
        """Drain until stopped."""
        while True:
            stopping = self._stopping.is_set()
            if stopping and not self._to_the_end:
                return
            batch = await self._consumer.read(most=self._batch_rows, wait_seconds=0 if stopping else 0.5)
            self._inserting_seconds = 0.0
            if batch.records and not await self._keep(batch):
                return
            lag = await self._consumer.lag()
            self._watch.lag(lag)
            if stopping and not batch.records:
                return
            if lag < self._batch_rows:
                await self._pause(
                    max(self._batch_seconds, min(_PAUSE_PER_INSERT * self._inserting_seconds, _LONGEST_PAUSE_SECONDS))
                )

    async def _keep(self, batch: Batch) -> bool:
        """Insert and commit a batch; False where it was given up because of a stop."""
        for topic, values in _by_topic(batch.records).items():
            if not await self._insert(topic, values):
                return False
        await self._consumer.commit(batch)
        return True

    async def _insert(self, topic: Topic, values: Sequence[bytes]) -> bool:
        backoff = _FIRST_BACKOFF_SECONDS
        while True:
            started = time.monotonic()
            try:
                kept = await asyncio.to_thread(self._insert_or_isolate, topic, values)
            except BusyError as error:
                if self._stopping.is_set():
                    return False
                wait = backoff * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret
                self._watch.insert_failed(topic, error, wait)
                await self._pause(wait)
                backoff = min(2 * backoff, _LONGEST_BACKOFF_SECONDS)
            else:
                took = time.monotonic() - started
                self._inserting_seconds += took
                self._watch.inserted(topic, kept, took)
                return True

    def _insert_or_isolate(self, topic: Topic, values: Sequence[bytes]) -> list[bytes]:
        """Insert, and return what is in; a row that is refused is halved out and kept as a dead letter."""
        try:
            if topic in self._complete:
                values = [self._complete[topic](value) for value in values]
            self._store.insert(topic, values)
        except RefusedError as error:
            if len(values) > 1:
                middle = len(values) // 2
                return [
                    *self._insert_or_isolate(topic, values[:middle]),
                    *self._insert_or_isolate(topic, values[middle:]),
                ]
            if topic is Topic.DEAD_LETTERS:
                raise BusyError(f"a dead letter was refused: {error}") from error
            self._watch.refused(topic, error)
            self._store.insert(Topic.DEAD_LETTERS, [_poison(topic, values[0], error)])
            return []
        return list(values)

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return


def _by_topic(records: Sequence[Record]) -> Mapping[Topic, list[bytes]]:
    values: defaultdict[Topic, list[bytes]] = defaultdict(list)
    for record in records:
        values[record.topic].append(record.value)
    return values


def _poison(topic: Topic, value: bytes, error: RefusedError) -> bytes:
    return dead_letter_record(
        provider="",
        account="",
        why=Fault.REFUSED_BY_STORE,
        location=topic,
        detail=str(error),
        body=value,
        received_at=datetime.now(UTC),
    ).value
