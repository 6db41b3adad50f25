"""Reads a consumer group's lag and its topics' ids without being a member, over connections of its own."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from typing import Final, TypeVar

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, KafkaError
from aiokafka.structs import TopicPartition

from sinks.kafka.cluster import Cluster, kafka_failed
from sinks.kafka.topic_ids import topic_ids
from sinks.stream import Topic

_ANSWER_SECONDS: Final = 8.0
_CLOSE_SECONDS: Final = 1.5

_T = TypeVar("_T")


class Observer:
    """Connects at the first question, and again after an error; for one task at a time."""

    def __init__(self, cluster: Cluster, group: str) -> None:
        """Observe the topics of `cluster` and this group."""
        self._cluster = cluster
        self._group = group
        self._names = [cluster.topic_name(topic) for topic in Topic]
        self._admin: AIOKafkaAdminClient | None = None
        self._reader: AIOKafkaConsumer | None = None

    async def topic_ids(self) -> Mapping[str, bytes | None]:
        """
        Return the id of each topic, None for one that does not exist; those whose id can't be known are left out.

        Raises `BusyError` if Kafka does not answer.
        """
        return await self._ask(lambda admin, _: topic_ids(admin, self._names))

    async def lag(self, partitions: Collection[TopicPartition] | None = None) -> int:
        """
        Return how many records of these partitions (None: of all) the group has not committed.

        Raises `BusyError` if Kafka does not answer.
        """
        return await self._ask(lambda admin, reader: self._lag(admin, reader, partitions))

    async def close(self) -> None:
        """Disconnect."""
        admin, reader, self._admin, self._reader = self._admin, self._reader, None, None
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                if reader is not None:
                    await reader.stop()
                if admin is not None:
                    await admin.close()

    async def _ask(self, question: Callable[[AIOKafkaAdminClient, AIOKafkaConsumer], Awaitable[_T]]) -> _T:
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                return await question(*await self._connected())
        except BaseException as error:
            await self.close()
            if isinstance(error, KafkaConnectionError):
                raise await self._cluster.why_unreachable() from None
            if isinstance(error, (KafkaError, TimeoutError, OSError)):
                raise kafka_failed(error) from error
            raise

    async def _connected(self) -> tuple[AIOKafkaAdminClient, AIOKafkaConsumer]:
        if self._admin is None or self._reader is None:
            self._admin = AIOKafkaAdminClient(**self._cluster.options())
            self._reader = AIOKafkaConsumer(**self._cluster.options())
            await self._admin.start()
            await self._reader.start()
        return self._admin, self._reader

    async def _lag(
        self, admin: AIOKafkaAdminClient, reader: AIOKafkaConsumer, wanted: Collection[TopicPartition] | None
    ) -> int:
        partitions = await self._partitions(admin) if wanted is None else list(wanted)
        if not partitions:
            return 0
        starts = await reader.beginning_offsets(partitions)
        committed = await admin.list_consumer_group_offsets(self._group)
        ends = await reader.end_offsets(partitions)  # last, so that no commit is beyond it
        return sum(
            ends[partition] - max(starts[partition], committed[partition].offset if partition in committed else 0)
            for partition in partitions
        )

    async def _partitions(self, admin: AIOKafkaAdminClient) -> list[TopicPartition]:
        described = await admin.describe_topics()
        return [
            TopicPartition(topic["topic"], partition["partition"])
            for topic in described
            if topic["topic"] in self._names
            for partition in topic["partitions"]
        ]
