"""
The spill: a journal on this machine's disk for records that Kafka does not confirm in time.

While Kafka confirms, records go to Kafka alone. A group that isn't confirmed in time is written to the journal, fsynced,
and acknowledged. Later groups go straight to the journal until Kafka confirms again, so that in an outage only one group
waits for the time-out. A record may be in Kafka twice, since a time-out does not mean "not sent": both have the same
event_id, and the store keeps one.

The journal is published in order, and so are journals that other processes have left behind. New records don't wait for
it: no order matters to the store (a message's state is decided by rank), and if all records had to pass through the
journal, it would not become empty before the load ends.
"""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

from normalizers.errors import Fault
from sinks.backoff import Backoff
from sinks.errors import BusyError, RefusedError, SinkError
from sinks.group_commit import GroupCommit
from sinks.journal.consumer import JournalConsumer
from sinks.journal.writer import Journal
from sinks.kafka.producer import KafkaProducer
from sinks.records import LetterKind, dead_letter_record
from sinks.stream import Record, Topic

#: Time-out of a republished chunk.
_REPUBLISH_SECONDS: Final = 10.0
#: Size of the first chunk after an outage. It is sent until Kafka confirms it, and each attempt may leave a copy.
_PROBE_RECORDS: Final = 50
_CHUNK_RECORDS: Final = 2_000
_CHUNK_BYTES: Final = 4 * 1024 * 1024
_FIRST_BACKOFF_SECONDS: Final = 0.2
_LONGEST_BACKOFF_SECONDS: Final = 3.0
_TAKE_OVER_SECONDS: Final = 2.0
#: How long a start waits for Kafka before it uses the spill.
_START_SECONDS: Final = 3.0
#: How much of a record that Kafka refuses is copied to its dead letter.
_SHOWN_BYTES: Final = 4096


class SpillWatch(Protocol):
    """Receives changes of the spill's state; `ingest.metrics` implements it."""

    def away(self, why: str) -> None:
        """Note that Kafka does not take records now; called once per reason."""

    def back(self) -> None:
        """Note that Kafka takes records again."""

    def spilled(self, records: int, oldest_seconds: float) -> None:
        """Note how many records are in the spill, and how long the oldest may have been there."""

    def refused(self, topic: Topic, error: RefusedError) -> None:
        """Note that Kafka refuses a record, which was set aside."""

    def warn(self, text: str) -> None:
        """Note something that an operator should know."""


class SpillingProducer:
    """
    Kafka with a spill: the producer of a receiver in distributed mode.

    The folder `refused` gets a journal for each record that Kafka refuses. To publish it again, after the topic's settings
    were changed, move that journal beside the spill's.
    """

    at_once = 3

    def __init__(
        self, kafka: KafkaProducer, journal: Journal, refused: Path, watch: SpillWatch, *, confirm_seconds: float
    ) -> None:
        """Publish through `kafka`, spill to `journal`; needs a running event loop."""
        self._kafka = kafka
        self._watch = watch
        self._confirm_seconds = confirm_seconds
        self._journal = journal
        self._spill = JournalConsumer(journal.folder.parent, own=journal.folder.name, keep_seconds=0)
        self._refused_folder = refused
        self._group = GroupCommit(lambda group: asyncio.ensure_future(self._write(group)))
        self._trusted = False
        self._fault = ""
        self._told: set[str] = set()
        self._spilled = asyncio.Event()
        self._mending: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """
        Connect; if Kafka is away, start with the spill.

        Raises `RefusedError` if the settings or the cluster have to be changed first.
        """
        try:
            async with asyncio.timeout(_START_SECONDS):
                await self._connect()
        except (BusyError, TimeoutError) as error:
            self._tell_away(error)
        else:
            self._trusted = True
        self._mending = asyncio.create_task(self._mend())

    async def append(self, records: Sequence[Record]) -> None:
        """Return once the records are in Kafka or in the spill; raises `BusyError` if neither takes them."""
        await self._group.append(records)

    async def close(self) -> None:
        """Finish the appends in progress; records that are still in the spill are published after the next start."""
        await self._group.drained()
        if self._mending is not None:
            self._mending.cancel()
            await asyncio.wait([self._mending])
        await self._kafka.close()
        await self._journal.close()
        await self._spill.close()

    async def _write(self, group: Sequence[Record]) -> None:
        if self._trusted:
            try:
                await self._kafka.publish(group, seconds=self._confirm_seconds)
            except SinkError as error:
                if not self._kafka.connected:
                    self._trusted = False
                    self._tell_away(error)
            else:
                return
        await self._journal.append(group)
        self._spilled.set()
        self._tell_depth()

    async def _mend(self) -> None:
        """Reconnect when necessary, and publish the spilled records."""
        backoff = Backoff(_FIRST_BACKOFF_SECONDS, _LONGEST_BACKOFF_SECONDS)
        while True:
            self._tell_depth()
            try:
                await self._connect()
                await self._publish_spilled()
            except Exception as error:  # noqa: BLE001 - no error may end this task
                self._tell_away(error)
                await asyncio.sleep(backoff.pause())
            else:
                self._trust()
                backoff.reset()
                await self._rest()

    async def _rest(self) -> None:
        """Wait until records are spilled, or it is time to look for journals of processes that have ended."""
        try:
            async with asyncio.timeout(_TAKE_OVER_SECONDS):
                await self._spilled.wait()
        except TimeoutError:
            return

    async def _connect(self) -> None:
        if not self._kafka.connected:
            for text in (await self._kafka.connect()).warnings:
                self._tell_once(text)

    async def _publish_spilled(self) -> None:
        self._spilled.clear()
        while True:
            most = _CHUNK_RECORDS if self._trusted else _PROBE_RECORDS
            batch = await self._spill.read(most=most, most_bytes=_CHUNK_BYTES, wait_seconds=0)
            if not batch.records:
                return
            try:
                await self._republish(batch.records)
            except SinkError:
                await self._spill.rewind()
                raise
            await self._spill.commit(batch)
            self._tell_depth()

    async def _republish(self, records: Sequence[Record]) -> None:
        clock = asyncio.get_running_loop().time
        started = clock()
        await self._publish_or_isolate(records)
        if clock() - started < self._confirm_seconds:
            self._trust()

    async def _publish_or_isolate(self, records: Sequence[Record]) -> None:
        """Publish; if a record is refused, halve the batch until that record is alone, and set it aside."""
        await self._connect()
        try:
            await self._kafka.publish(records, seconds=_REPUBLISH_SECONDS)
        except RefusedError as error:
            if len(records) > 1:
                middle = len(records) // 2
                await self._publish_or_isolate(records[:middle])
                await self._publish_or_isolate(records[middle:])
            else:
                await self._set_aside(records[0], error)

    async def _set_aside(self, record: Record, error: RefusedError) -> None:
        """Write a record that Kafka refuses to a journal of its own, and publish a dead letter about it."""
        # `least_free_bytes=0`: even on a full disk the record has to be set aside, since the records behind it wait.
        kept = Journal(self._refused_folder / f"{time.time_ns()}", least_free_bytes=0)
        try:
            await kept.append([record])
        finally:
            await kept.close()
        self._watch.refused(record.topic, error)
        await self._connect()
        await self._kafka.publish([_notice(record, error)], seconds=_REPUBLISH_SECONDS)

    def _trust(self) -> None:
        if self._kafka.connected and not self._trusted:
            self._trusted = True
            self._fault = ""
            self._watch.back()

    def _tell_away(self, error: Exception) -> None:
        fault = str(error) or type(error).__name__
        if fault != self._fault:
            self._fault = fault
            self._watch.away(fault)

    def _tell_once(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self._watch.warn(text)

    def _tell_depth(self) -> None:
        records, since = self._spill.waiting()
        self._watch.spilled(records, max(0.0, time.time() - since) if since else 0.0)


def _notice(record: Record, error: RefusedError) -> Record:
    """Return a dead letter with the beginning of a record that Kafka refused; the whole may be too large for it."""
    return dead_letter_record(
        kind=LetterKind.RECORD,
        provider=record.provider,
        account="",
        why=Fault.REFUSED_BY_STORE,
        location=record.topic,
        detail=f"{error}; the whole record is in the spill's folder `refused`",
        body=record.value[:_SHOWN_BYTES].decode("utf-8", "ignore").encode(),
        received_at=datetime.now(UTC),
    )
