"""
The producing side of Kafka: publishes groups of records, confirmed by every in-sync replica.

A group is sent as one batch per partition, which costs a tenth of sending its records one by one. After any error the
connection is replaced: aiokafka's sequence numbers are then ahead of the broker's (aio-libs/aiokafka#1017), and records
in its buffers would be sent at an unknown time, or never.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    CorruptRecordException,
    InvalidTimestampError,
    KafkaConnectionError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
)

from sinks.errors import BusyError, RefusedError
from sinks.kafka.cluster import Cluster, kafka_failed
from sinks.kafka.messages import headers
from sinks.kafka.old_records import CheckedTopics
from sinks.kafka.partitions import partition_of
from sinks.kafka.topics import Topics
from sinks.stream import Record, Topic

#: A batch is closed at this size, before compression; a larger record is a batch of its own.
_BATCH_BYTES: Final = 512 * 1024
#: Bytes of a record beside its key and value: headers, and its share of the batch.
_OVERHEAD_BYTES: Final = 512
_CLOSE_SECONDS: Final = 1.0
_CONNECT_SECONDS: Final = 15.0

_RECORD_ERRORS: Final = (
    CorruptRecordException,
    InvalidTimestampError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
)


class KafkaProducer:
    """Publishes groups of records; call `connect` first, and again whenever `connected` is false."""

    def __init__(self, cluster: Cluster) -> None:
        """Publish to the topics of `cluster`; needs a running event loop."""
        self._cluster = cluster
        self._client: AIOKafkaProducer | None = None
        self._max_bytes = 0
        self._checked_topics = CheckedTopics(cluster)
        self._ending: set[asyncio.Task[None]] = set()

    @property
    def connected(self) -> bool:
        """Whether there is a connection without an error."""
        return self._client is not None

    async def connect(self) -> Topics:
        """
        Make missing topics, and connect.

        Raises `BusyError` if Kafka can't be reached, `RefusedError` if the settings have to be changed.
        """
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                topics = await self._checked_topics.look()
                self._max_bytes = topics.max_message_bytes
                self._client = await self._start()
        except TimeoutError:
            raise BusyError(f"kafka: no connection within {_CONNECT_SECONDS:g} s") from None
        return topics

    async def _start(self) -> AIOKafkaProducer:
        client = AIOKafkaProducer(
            **self._cluster.options(),
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=min(_BATCH_BYTES, self._max_bytes),
            compression_type=self._cluster.compression,
        )
        try:
            await client.start()
            for topic in Topic:
                await client.partitions_for(self._cluster.topic_name(topic))
        except BaseException as error:
            await _abort(client)
            if isinstance(error, KafkaConnectionError):
                raise await self._cluster.why_unreachable() from None
            raise
        return client

    async def publish(self, records: Sequence[Record], *, seconds: float) -> None:
        """
        Return once every in-sync replica has every record.

        Raises `BusyError` if that isn't confirmed within `seconds`; any of the records may be published, now or later.
        Raises `RefusedError` if Kafka refuses a record; the others may be published.
        """
        client = self._client
        if client is None:
            raise BusyError("kafka: not connected")
        self._refuse_oversize(records)
        try:
            async with asyncio.timeout(seconds):
                await self._send(client, records)
        except BaseException as error:
            self._give_up(client)
            if isinstance(error, TimeoutError):
                raise BusyError(f"kafka: no confirmation within {seconds:g} s") from None
            if isinstance(error, _RECORD_ERRORS):
                raise RefusedError(f"kafka: {error}") from error
            if isinstance(error, Exception):  # aiokafka raises more than its own errors
                raise kafka_failed(error) from error
            raise

    def _refuse_oversize(self, records: Sequence[Record]) -> None:
        most = self._max_bytes - _OVERHEAD_BYTES
        for record in records:
            if len(record.value) + len(record.key) > most:
                raise RefusedError(f"kafka: {len(record.value)} bytes are more than the topic takes ({most})")

    async def _send(self, client: AIOKafkaProducer, records: Sequence[Record]) -> None:
        batches = await self._fill(client, records)
        confirmed = []
        for wave in zip_longest(*batches.values()):  # the first batch of every partition shares a request
            for (topic, partition), batch in zip(batches, wave, strict=True):
                if batch is not None:
                    confirmed.append(await client.send_batch(batch, topic, partition=partition))
        await asyncio.gather(*confirmed)

    async def _fill(self, client: AIOKafkaProducer, records: Sequence[Record]) -> dict[tuple[str, int], list[Any]]:
        batches: defaultdict[tuple[str, int], list[Any]] = defaultdict(list)
        names = {topic: self._cluster.topic_name(topic) for topic in Topic}
        partitions = {topic: len(await client.partitions_for(name)) for topic, name in names.items()}
        now = int(time.time() * 1000)
        for record in records:
            key = record.key.encode("utf-8", "surrogatepass")
            filling = batches[names[record.topic], partition_of(key, partitions[record.topic])]
            message = {"timestamp": now, "key": key, "value": record.value, "headers": headers(record.provider)}
            if not filling or filling[-1].append(**message) is None:
                filling.append(client.create_batch())
                filling[-1].append(**message)
        return batches

    def _give_up(self, client: AIOKafkaProducer) -> None:
        if self._client is client:
            self._client = None
        ending = asyncio.create_task(_abort(client))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    async def close(self) -> None:
        """Disconnect at once, without waiting for confirmations."""
        if self._client is not None:
            self._give_up(self._client)
        if self._ending:
            await asyncio.wait(self._ending, timeout=_CLOSE_SECONDS)


async def _abort(client: AIOKafkaProducer) -> None:
    """
    End a client and drop its buffers; its own `stop` would wait until the brokers have taken them.

    aiokafka's public interface has no such method. The tests with a frozen broker fail if its internals change.
    """
    client._closed = True  # noqa: SLF001 - or it complains when it is collected
    sender = client._sender.sender_task  # noqa: SLF001
    if sender is not None:
        sender.cancel()
    while True:
        for connection in list(client.client._conns.values()):  # noqa: SLF001
            if connection.connected():
                connection._writer.transport.abort()  # noqa: SLF001 - `close` waits until a frozen broker reads
        await client.client.close()
        if sender is None or sender.done():
            return
        news = client.client._md_update_fut  # noqa: SLF001
        if news is not None and not news.done():  # the sender waits for this update, which will not come
            news.set_result(False)
        await asyncio.wait([sender], timeout=0.05)
