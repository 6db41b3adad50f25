"""
The drain: moves records from the stream into the store.

It reads a batch, inserts it, then commits it. After a crash in between it reads the batch again, and the store collapses
the rows that it has already.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, Protocol

from normalizers.errors import Fault
from sinks.clickhouse.store import Store
from sinks.errors import BusyError, RefusedError
from sinks.inserter import Inserter
from sinks.records import LetterKind, dead_letter_record
from sinks.rows import Row, check, written
from sinks.stream import BATCH_BYTES, Batch, Consumer, Record, Topic

#: After an insert the drain pauses for this many times as long, up to half a second, so that a slow store gets few large
#: inserts instead of many small ones.
_PAUSE_PER_INSERT: Final = 10
_LONGEST_PAUSE_SECONDS: Final = 0.5


class Watch(Protocol):
    """Receives the drain's events; `ingest.metrics` implements it."""

    def inserted(self, topic: Topic, rows: Sequence[Row], seconds: float) -> None:
        """Note that these rows went into the topic's table in `seconds`."""

    def insert_failed(self, topic: Topic, error: BusyError, retry_seconds: float) -> None:
        """Note that an insert failed, and is tried again in `retry_seconds`."""

    def refused(self, topic: Topic, error: RefusedError) -> None:
        """Note that one value can't be stored, and is kept as a dead letter."""


class Drain:
    """Moves one stream's records into one store, until it is stopped."""

    def __init__(
        self,
        consumer: Consumer,
        store: Store,
        watch: Watch,
        *,
        batch_rows: int = 20_000,
        batch_bytes: int = BATCH_BYTES,
        batch_seconds: float = 0.3,
        to_the_end: bool = True,
        complete: Mapping[Topic, Callable[[bytes], bytes]] | None = None,
        pause: Callable[[float], Awaitable[None]] | None = None,
    ) -> None:
        """
        Read batches of at most `batch_rows` rows and about `batch_bytes`.

        While less than a batch waits, the drain pauses for `batch_seconds` after an insert, or longer after a slow one.
        After `stop` it goes on to the end of the stream, or, without `to_the_end`, of its batch: other programs may
        write to Kafka for ever. `complete` turns a topic's value into a row, or raises `RefusedError`. `pause` replaces
        the waiting in tests.
        """
        self._consumer = consumer
        self._watch = watch
        self._batch_rows = batch_rows
        self._batch_bytes = batch_bytes
        self._batch_seconds = batch_seconds
        self._to_the_end = to_the_end
        self._complete = complete or {}
        self._pause = pause or self._wait
        self._stopping = asyncio.Event()
        self._inserter = Inserter(store, watch, most_rows=batch_rows, stopping=self._stopping)
        #: Held while the drain inserts and commits; another task may hold it to keep the drain from inserting.
        self.storing = asyncio.Lock()
        self._waiting = False
        self._progress_at = time.monotonic()

    @property
    def stalled_seconds(self) -> float:
        """Seconds since the drain last stored a batch or found the stream empty; 0 while nothing waits."""
        return time.monotonic() - self._progress_at if self._waiting else 0.0

    def stop(self) -> None:
        """Ask `run` to return at the end of the stream, or at once if the store is away."""
        self._stopping.set()

    async def run(self) -> None:
        """Drain until stopped."""
        while True:
            stopping = self._stopping.is_set()
            if stopping and not self._to_the_end:
                return
            batch = await self._consumer.read(
                most=self._batch_rows, most_bytes=self._batch_bytes, wait_seconds=0 if stopping else 0.5
            )
            found = bool(batch.records or batch.unreadable)
            self._waiting = self._waiting or found
            started = time.monotonic()
            if found:
                async with self.storing:
                    if not await self._store(batch):
                        return
            lag = await self._consumer.lag()
            self._note_progress(found=found, lag=lag)
            if stopping and not found:
                return
            if lag < self._batch_rows and lag * _mean_bytes(batch) < self._batch_bytes:
                storing = time.monotonic() - started if found else 0.0
                await self._pause(max(self._batch_seconds, min(_PAUSE_PER_INSERT * storing, _LONGEST_PAUSE_SECONDS)))

    def _note_progress(self, *, found: bool, lag: int) -> None:
        if found or not lag:
            self._progress_at = time.monotonic()
        self._waiting = lag > 0

    async def _store(self, batch: Batch) -> bool:
        """Insert and commit a batch; False if it was given up because of a stop."""
        letters: list[Row] = [self._refuse(record, error) for record, error in batch.unreadable]
        for topic, records in _by_topic(batch.records).items():
            rows, refused = await asyncio.to_thread(self._check, topic, records)
            letters += [self._refuse(record, error) for record, error in refused]
            unfit = await self._inserter.insert(topic, rows)
            if unfit is None:
                return False
            letters += [self._refuse(Record(topic, "", row.provider, written(row)), error) for row, error in unfit]
        if letters and await self._inserter.insert(Topic.DEAD_LETTERS, letters, ours=True) is None:
            return False
        await self._consumer.commit(batch)
        return True

    def _check(self, topic: Topic, records: Sequence[Record]) -> tuple[list[Row], list[tuple[Record, RefusedError]]]:
        """Return the rows, and the records that are none, each with its error."""
        complete = self._complete.get(topic, bytes)
        rows, refused = [], []
        for record in records:
            try:
                rows.append(check(topic, complete(record.value)))
            except RefusedError as error:
                refused.append((record, error))
        return rows, refused

    def _refuse(self, record: Record, error: RefusedError) -> Row:
        """Count a record that can't be stored, and return its dead letter."""
        self._watch.refused(record.topic, error)
        letter = dead_letter_record(
            kind=LetterKind.RECORD,
            provider=record.provider,
            account="",
            why=Fault.REFUSED_BY_STORE,
            location=record.topic,
            detail=str(error),
            body=record.value,
            received_at=datetime.now(UTC),
        )
        return check(Topic.DEAD_LETTERS, letter.value)

    async def _wait(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return


def _mean_bytes(batch: Batch) -> float:
    sizes = [len(record.value) for record in batch.records]
    return sum(sizes) / len(sizes) if sizes else 0.0


def _by_topic(records: Sequence[Record]) -> Mapping[Topic, list[Record]]:
    found: defaultdict[Topic, list[Record]] = defaultdict(list)
    for record in records:
        found[record.topic].append(record)
    return found
