"""
The store's side of Kafka: one member of a consumer group.

Offsets are committed explicitly after the insert, and only for partitions that were assigned to this member without a
break since the records were read. After a rebalance, another member reads the records again, and the store collapses the
copies.
"""

import asyncio
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaConnectionError, KafkaError
from aiokafka.structs import TopicPartition

from sinks.errors import BusyError, RefusedError, SinkError
from sinks.kafka.cluster import Cluster, kafka_failed
from sinks.kafka.messages import read_headers, read_value
from sinks.kafka.observer import Observer
from sinks.kafka.old_records import CheckedTopics
from sinks.kafka.topics import Topics
from sinks.kafka.undecodable import read_one_by_one
from sinks.stream import BATCH_BYTES, Batch, Record, Topic

#: A consumer that reads nothing for this long, though records wait, counts as stuck.
STALL_SECONDS: Final = 60.0

_COMMIT_SECONDS: Final = 5.0
_CLOSE_SECONDS: Final = 1.5
_CONNECT_SECONDS: Final = 15.0
#: A batch ends when nothing has come for NEXT_SECONDS, or after BATCH_SECONDS if too few records wait to fill it.
NEXT_SECONDS: Final = 0.02
BATCH_SECONDS: Final = 0.3
_REBALANCE_SECONDS: Final = 0.5
#: How often to check that no topic was deleted and made again; this is also done before each commit.
_LOOK_SECONDS: Final = 2.0
#: Messages to ask the client for: at first, when their size is not known, and later at most.
_FIRST_MESSAGES: Final = 16
_MESSAGES_AT_ONCE: Final = 256
#: Bytes that the client fetches ahead, by partition and by answer of a broker. A larger message comes alone.
_PARTITION_BYTES: Final = 1024 * 1024
_ANSWER_BYTES: Final = 8 * 1024 * 1024
#: How long a broker may wait for new records before it answers. During that time its connection is blocked.
_LONG_POLL_MS: Final = 100


class StalledError(SinkError):
    """The consumer reads nothing though records wait: the process has to be restarted."""


class _Place(NamedTuple):
    """A partition, and the number of the rebalance that assigned it."""

    partition: TopicPartition
    assignment: int


class _OpenBatch:
    """A batch that is being read."""

    def __init__(self, most: int, most_bytes: int) -> None:
        self.records: list[Record] = []
        self.unreadable: list[tuple[Record, RefusedError]] = []
        self.positions: dict[Hashable, int] = {}
        self.most = most
        self._most_bytes = most_bytes
        self._count = 0
        self._bytes = 0

    def add(self, record: Record) -> None:
        self.records.append(record)
        self._note(record)

    def add_unreadable(self, record: Record, error: RefusedError) -> None:
        self.unreadable.append((record, error))
        self._note(record)

    def _note(self, record: Record) -> None:
        self._count += 1
        self._bytes += len(record.value)

    @property
    def full(self) -> bool:
        return self._count >= self.most or self._bytes >= self._most_bytes

    def room(self) -> int:
        """How many messages to ask for next: few while their size is not known, then as many as fit."""
        if not self._count:
            return min(self.most, _FIRST_MESSAGES)
        mean = max(1, self._bytes // self._count)
        return max(1, min(self.most - self._count, (self._most_bytes - self._bytes) // mean, _MESSAGES_AT_ONCE))


class KafkaConsumer(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka has no types
    """Reads the topics of a cluster as a member of `group`."""

    def __init__(
        self,
        cluster: Cluster,
        *,
        group: str,
        stall_seconds: float = STALL_SECONDS,
        next_seconds: float = NEXT_SECONDS,
        batch_seconds: float = BATCH_SECONDS,
        warn: Callable[[str], None] = lambda _: None,
        observer: Observer | None = None,
    ) -> None:
        """
        Pass warnings for the operator to `warn`; `connect` or the first `read` connects.

        `observer` watches the group over connections of its own; it is closed with the consumer.
        """
        self._cluster = cluster
        self._group = group
        self._topics = {cluster.topic_name(topic): topic for topic in Topic}
        self._stall_seconds = stall_seconds
        self._next_seconds = next_seconds
        self._batch_seconds = batch_seconds
        self._warn = warn
        self._observer = observer or Observer(cluster, group)
        self._topic_ids: Mapping[str, bytes | None] = {}
        self._look_at = 0.0
        self._checked_topics = CheckedTopics(cluster)
        self._client: AIOKafkaConsumer | None = None
        self._connecting: asyncio.Task[Topics] | None = None
        self._assignment = 0
        self._committed: dict[TopicPartition, int] = {}
        self._uncommitted: dict[TopicPartition, int] = {}
        self._progress_at = time.monotonic()

    async def connect(self) -> Topics:
        """
        Make missing topics, and join the group.

        Raises `BusyError` if Kafka can't be reached, `RefusedError` if the settings have to be changed.
        """
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                topics = await self._checked_topics.look()
                self._topic_ids = await self._observer.topic_ids()
                self._client = await self._join()
        except TimeoutError:
            raise BusyError(f"kafka: no connection within {_CONNECT_SECONDS:g} s") from None
        except KafkaError as error:
            raise kafka_failed(error) from error
        return topics

    async def _join(self) -> AIOKafkaConsumer:
        client = AIOKafkaConsumer(
            **self._cluster.options(),
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=_LONG_POLL_MS,
            max_partition_fetch_bytes=_PARTITION_BYTES,
            fetch_max_bytes=_ANSWER_BYTES,
        )
        client.subscribe(list(self._topics), listener=self)
        try:
            await client.start()
        except BaseException as error:
            await client.stop()
            if isinstance(error, KafkaConnectionError):
                raise await self._cluster.why_unreachable() from None
            raise
        self._progress_at = time.monotonic()
        return client

    async def read(self, *, most: int, most_bytes: int = BATCH_BYTES, wait_seconds: float) -> Batch:
        """
        Return up to `most` records after those read before, waiting for the first one at most `wait_seconds`.

        A batch ends with the record that brings its values to `most_bytes`, or soon after. It is empty while Kafka is
        away. Raises `StalledError` if records wait and none is read for long.
        """
        if self._client is not None and time.monotonic() >= self._look_at:
            await self._look_for_new_topics(self._client)
        client = await self._connected(wait_seconds)
        if client is None:
            return Batch([], {})
        await self._commit(client)
        try:
            batch = await self._fill(client, _OpenBatch(most, most_bytes), wait_seconds)
        except UnicodeDecodeError:
            batch = await self._read_past_undecodable(client)
        await self._watch_progress(found=bool(batch.positions))
        return Batch(batch.records, batch.positions, batch.unreadable)

    async def _fill(self, client: AIOKafkaConsumer, batch: "_OpenBatch", wait_seconds: float) -> "_OpenBatch":
        found = await _fetch(client, batch.room(), wait_seconds)
        closes_at = time.monotonic() + self._batch_seconds
        while found:
            for messages in found.values():
                self._take(batch, messages)
            if batch.full or (time.monotonic() >= closes_at and await self.lag() < batch.most):
                break
            found = await _fetch(client, batch.room(), self._next_seconds)
        return batch

    async def _read_past_undecodable(self, client: AIOKafkaConsumer) -> "_OpenBatch":
        """Read up to the message that aiokafka can't decode, and report that as unreadable."""
        batch = _OpenBatch(1, 1)
        messages, left_out = await read_one_by_one(client)
        for message in messages:
            self._take(batch, [message])
        if left_out is not None:
            partition, offset = left_out
            place = f"topic {partition.topic}, partition {partition.partition}, offset {offset}"
            record = Record(self._topics[partition.topic], "", "", place.encode())
            batch.add_unreadable(record, RefusedError("the name of a header is not UTF-8; the message stays in Kafka"))
            batch.positions[_Place(partition, self._assignment)] = offset + 1
            self._committed.setdefault(partition, offset)
        return batch

    async def _connected(self, wait_seconds: float) -> AIOKafkaConsumer | None:
        """Return the client; without one, keep trying in the background."""
        if self._client is None:
            self._connecting = self._connecting or asyncio.create_task(self.connect())
            await asyncio.wait([self._connecting], timeout=wait_seconds)
            if self._connecting.done():
                connecting, self._connecting = self._connecting, None
                with suppress(BusyError):
                    connecting.result()
        return self._client

    def _take(self, batch: "_OpenBatch", messages: Sequence[Any]) -> None:
        """Add messages of one partition to the batch, as records or as unreadable."""
        for message in messages:
            provider, version = read_headers(message.headers)
            key = (message.key or b"").decode("utf-8", "replace")
            topic = self._topics[message.topic]
            try:
                batch.add(Record(topic, key, provider, read_value(message.value, version)))
            except RefusedError as error:
                batch.add_unreadable(Record(topic, key, provider, message.value or b""), error)
        partition = TopicPartition(messages[0].topic, messages[0].partition)
        batch.positions[_Place(partition, self._assignment)] = messages[-1].offset + 1
        self._committed.setdefault(partition, messages[0].offset)

    async def commit(self, batch: Batch) -> None:
        """
        Remember that everything up to this batch is in the store.

        If the commit fails, it is repeated with the next read; if it never succeeds, the records are read again.
        """
        self._progress_at = time.monotonic()
        for place, position in batch.positions.items():
            if isinstance(place, _Place) and place.assignment == self._assignment:
                self._uncommitted[place.partition] = position
        if self._client is not None:
            await self._commit(self._client)

    async def _commit(self, client: AIOKafkaConsumer) -> None:
        if not self._uncommitted or await self._look_for_new_topics(client):
            return
        offsets = dict(self._uncommitted)
        if not offsets:  # a rebalance has cleared them meanwhile
            return
        try:
            async with asyncio.timeout(_COMMIT_SECONDS):
                await client.commit(offsets)
        except (CommitFailedError, IllegalStateError):
            return  # a rebalance, which ends with `on_partitions_revoked`
        except TimeoutError:
            return
        for partition, position in offsets.items():
            self._committed[partition] = position
            if self._uncommitted.get(partition) == position:
                del self._uncommitted[partition]

    async def _look_for_new_topics(self, client: AIOKafkaConsumer) -> bool:
        """
        Leave the group, and return True, if a topic was deleted, or deleted and made again.

        aiokafka would wait in the new topic at the offset of the old one. A new member begins at its start, since Kafka
        drops the offsets of a deleted topic. An offset of the old topic must not be committed: it would skip records of
        the new one.
        """
        self._look_at = time.monotonic() + _LOOK_SECONDS
        try:
            ids = await self._observer.topic_ids()
        except BusyError:
            return False
        gone = [name for name, known in self._topic_ids.items() if name in ids and ids[name] != known]
        if not gone:
            return False
        self._warn(f"topics were deleted or made again, and are read from their start: {', '.join(gone)}")
        self._client = None
        self._forget()
        await _stop(client)
        return True

    async def lag(self) -> int:
        """Return how many records of this member's partitions are not committed, as far as the client knows."""
        client = self._client
        if client is None:
            return 0
        ends = {partition: client.highwater(partition) for partition in client.assignment()}
        behind = [
            end - self._committed[partition] if partition in self._committed else end - await client.position(partition)
            for partition, end in ends.items()
            if end is not None
        ]
        return sum(behind)

    async def close(self) -> None:
        """Leave the group, without a commit."""
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.wait([self._connecting])
        if self._client is not None:
            await _stop(self._client)
        await self._observer.close()

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:  # noqa: ARG002 - all of them are
        """Forget what was read and not committed: the next owner of the partitions reads it again."""
        self._forget()

    def _forget(self) -> None:
        self._assignment += 1
        self._committed.clear()
        self._uncommitted.clear()

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """Do nothing: aiokafka begins at the committed offsets."""

    async def _watch_progress(self, *, found: bool) -> None:
        """Raise `StalledError` if nothing was read for long although another connection sees records."""
        now = time.monotonic()
        if found:
            self._progress_at = now
        elif now - self._progress_at > self._stall_seconds:
            self._progress_at = now
            waiting = await self._waiting()
            if waiting:
                raise StalledError(f"kafka: nothing read for {self._stall_seconds:g} s, though {waiting} records wait")

    async def _waiting(self) -> int:
        partitions = self._client.assignment() if self._client else ()
        if not partitions:
            return 0
        try:
            return await self._observer.lag(partitions)
        except SinkError:
            return 0  # Kafka is away: the consumer is not stuck


async def _stop(client: AIOKafkaConsumer) -> None:
    with suppress(TimeoutError):  # `stop` would wait for brokers that are away
        async with asyncio.timeout(_CLOSE_SECONDS):
            await client.stop()


async def _fetch(client: AIOKafkaConsumer, most: int, wait_seconds: float) -> Mapping[TopicPartition, Sequence[Any]]:
    try:
        async with asyncio.timeout(wait_seconds + _REBALANCE_SECONDS):
            found: Mapping[TopicPartition, Sequence[Any]] = await client.getmany(
                timeout_ms=int(wait_seconds * 1000), max_records=most
            )
    except TimeoutError:  # during a rebalance aiokafka exceeds `timeout_ms`
        return {}
    return found
