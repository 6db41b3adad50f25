"""
The store's side of Kafka: one member of a consumer group.

Offsets are committed by hand, after the insert, and only for partitions that have been this member's ever since the
records were read: after a rebalance another member reads them again, and the store collapses the copies.
"""

import asyncio
import time
from collections.abc import Hashable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaConnectionError, KafkaError
from aiokafka.structs import TopicPartition

from sinks.errors import BusyError, SinkError
from sinks.kafka.cluster import Cluster
from sinks.kafka.group import waiting
from sinks.kafka.messages import read_headers, read_value
from sinks.kafka.topics import Topics, ensure_topics
from sinks.stream import Batch, Record, Topic

#: After this long without a record, though there are some, a consumer is taken to be stuck.
STALL_SECONDS: Final = 60.0

_COMMIT_SECONDS: Final = 5.0
_CLOSE_SECONDS: Final = 1.5
_CONNECT_SECONDS: Final = 15.0
#: A batch that has begun is what comes until nothing more does for so long; or, where less waits than would fill it, for
#: so long in all.
_NEXT_SECONDS: Final = 0.02
_BATCH_SECONDS: Final = 0.3
_REBALANCE_SECONDS: Final = 0.5
#: A broker is asked for nothing else while it waits for records of partitions that have none.
_LONG_POLL_MS: Final = 100


class StalledError(SinkError):
    """The consumer reads nothing though there are records: the process has to be started again."""


class _Place(NamedTuple):
    """A partition, as long as it is this member's: another number tells another time."""

    partition: TopicPartition
    assignment: int


class KafkaConsumer(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka has no types
    """Reads the topics of a cluster as a member of `group`."""

    def __init__(
        self,
        cluster: Cluster,
        *,
        group: str,
        topics: Sequence[Topic] = tuple(Topic),
        stall_seconds: float = STALL_SECONDS,
    ) -> None:
        """Read `topics`; nothing is connected until `connect` or the first `read`."""
        self._cluster = cluster
        self._group = group
        self._topics = {cluster.topic_name(topic): topic for topic in topics}
        self._stall_seconds = stall_seconds
        self._client: AIOKafkaConsumer | None = None
        self._connecting: asyncio.Task[Topics] | None = None
        self._assignment = 0
        self._committed: dict[TopicPartition, int] = {}
        self._uncommitted: dict[TopicPartition, int] = {}
        self._progress_at = time.monotonic()

    async def connect(self) -> Topics:
        """
        Join the group, and look after the topics.

        Raises `BusyError` where Kafka can't be reached, `RefusedError` where the settings have to be changed.
        """
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                topics = await ensure_topics(self._cluster)
                self._client = await self._join()
        except TimeoutError:
            raise BusyError(f"kafka: no connection within {_CONNECT_SECONDS:g} s") from None
        return topics

    async def _join(self) -> AIOKafkaConsumer:
        client = AIOKafkaConsumer(
            **self._cluster.options(),
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=_LONG_POLL_MS,
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

    async def read(self, *, most: int, wait_seconds: float) -> Batch:
        """
        Return up to `most` records after those read before, waiting for the first one at most `wait_seconds`.

        While Kafka is away, there are none. Raises `StalledError` where there are some that don't come.
        """
        client = await self._connected(wait_seconds)
        if client is None:
            return Batch([], {})
        await self._commit(client)
        records: list[Record] = []
        positions: dict[Hashable, int] = {}
        found = await _fetch(client, most, wait_seconds)
        closes_at = time.monotonic() + _BATCH_SECONDS
        while found:
            for partition, messages in found.items():
                records.extend(self._record(message) for message in messages)
                positions[_Place(partition, self._assignment)] = messages[-1].offset + 1
                self._committed.setdefault(partition, messages[0].offset)
            if len(records) >= most or (time.monotonic() >= closes_at and await self.lag() < most):
                break
            found = await _fetch(client, most - len(records), _NEXT_SECONDS)
        await self._watch_progress(found=bool(records))
        return Batch(records, positions)

    async def _connected(self, wait_seconds: float) -> AIOKafkaConsumer | None:
        """Return the client; where there is none, try for it in the background, for as long as that takes."""
        if self._client is None:
            self._connecting = self._connecting or asyncio.create_task(self.connect())
            await asyncio.wait([self._connecting], timeout=wait_seconds)
            if self._connecting.done():
                connecting, self._connecting = self._connecting, None
                with suppress(BusyError):
                    connecting.result()
        return self._client

    def _record(self, message: Any) -> Record:
        provider, version = read_headers(message.headers)
        key = (message.key or b"").decode("utf-8", "replace")
        return Record(self._topics[message.topic], key, provider, read_value(message.value, version))

    async def commit(self, batch: Batch) -> None:
        """
        Remember that everything up to this batch is in the store.

        Where Kafka can't be told now, it is told with the next read; where it never is, the records are read again.
        """
        self._progress_at = time.monotonic()
        for place, position in batch.positions.items():
            if isinstance(place, _Place) and place.assignment == self._assignment:
                self._uncommitted[place.partition] = position
        if self._client is not None:
            await self._commit(self._client)

    async def _commit(self, client: AIOKafkaConsumer) -> None:
        offsets = dict(self._uncommitted)
        if not offsets:
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

    async def rewind(self) -> None:
        """Go back to what was committed last; raises `BusyError` where Kafka can't say what that is."""
        if self._client is None:
            return
        self._uncommitted.clear()
        try:
            async with asyncio.timeout(_COMMIT_SECONDS):
                await _seek_to_committed(self._client)
        except (KafkaError, TimeoutError) as error:
            raise BusyError(f"kafka: {str(error) or type(error).__name__}") from error

    async def lag(self) -> int:
        """Return how many records of this member's partitions wait to be committed, as far as is known here."""
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
            with suppress(TimeoutError):  # `stop` waits for a broker that is away
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await self._client.stop()

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:  # noqa: ARG002 - all of them are
        """Forget what was read and not committed: whoever has the partitions next reads it again."""
        self._assignment += 1
        self._committed.clear()
        self._uncommitted.clear()

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """Begin where the group has committed, which aiokafka sees to."""

    async def _watch_progress(self, *, found: bool) -> None:
        """Raise `StalledError` where nothing has come for long and another connection sees that it should have."""
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
            async with asyncio.timeout(_CONNECT_SECONDS):
                return await waiting(self._cluster, self._group, partitions)
        except (SinkError, KafkaError, TimeoutError):
            return 0  # Kafka is away, which is no fault of this consumer's


async def _fetch(client: AIOKafkaConsumer, most: int, wait_seconds: float) -> Mapping[TopicPartition, Sequence[Any]]:
    try:
        async with asyncio.timeout(wait_seconds + _REBALANCE_SECONDS):
            found: Mapping[TopicPartition, Sequence[Any]] = await client.getmany(
                timeout_ms=int(wait_seconds * 1000), max_records=most
            )
    except TimeoutError:  # while the group rebalances, aiokafka waits longer than it is told to
        return {}
    return found


async def _seek_to_committed(client: AIOKafkaConsumer) -> None:
    """Seek every partition; aiokafka's own function leaves those alone that nothing was committed of."""
    starts = await client.beginning_offsets(client.assignment())
    for partition, start in starts.items():
        committed = await client.committed(partition)
        client.seek(partition, start if committed is None else committed)
