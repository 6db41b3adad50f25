"""Appends numbered records as many clients do, and reads a topic back."""

import asyncio
from contextlib import suppress
from typing import Any, Self

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition

from sinks.errors import BusyError
from sinks.kafka.cluster import Cluster
from sinks.stream import Producer, Record, Topic


def numbered(number: int) -> Record:
    """Make a record with a number."""
    return Record(Topic.REPORTS, f"m-{number}", "cm", b'{"number": %d}' % number)


class Load:
    """Clients that append one record after another while the context is open; counts acknowledgements."""

    def __init__(self, producer: Producer, *, clients: int = 16, pause_seconds: float = 0.005, first: int = 0) -> None:
        """Number records from `first`; each client rests for `pause_seconds` between two."""
        self.acknowledged: list[int] = []
        self.turned_away = 0
        self.slowest_seconds = 0.0
        self._producer = producer
        self._clients = clients
        self._pause_seconds = pause_seconds
        self._next = first
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        """Start."""
        self._tasks = [asyncio.create_task(self._append()) for _ in range(self._clients)]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop after the appends in progress."""
        self._clients = 0
        await asyncio.gather(*self._tasks)

    async def _append(self) -> None:
        clock = asyncio.get_running_loop().time
        while self._clients:
            number, self._next = self._next, self._next + 1
            started = clock()
            try:
                await self._producer.append([numbered(number)])
                self.acknowledged.append(number)
            except BusyError:
                self.turned_away += 1
            self.slowest_seconds = max(self.slowest_seconds, clock() - started)
            await asyncio.sleep(self._pause_seconds)

    async def more(self, count: int, *, seconds: float = 30) -> None:
        """Return once `count` more records have been acknowledged."""
        wanted = len(self.acknowledged) + count
        async with asyncio.timeout(seconds):
            while len(self.acknowledged) < wanted:
                await asyncio.sleep(0.01)


async def messages_in(cluster: Cluster, topic: Topic = Topic.REPORTS) -> list[Any]:
    """Read a topic from its start to its present end, partition by partition."""
    consumer = AIOKafkaConsumer(**cluster.options(), auto_offset_reset="earliest")
    await consumer.start()
    try:
        name = cluster.topic_name(topic)
        consumer.subscribe([name])
        while not consumer.assignment():
            await asyncio.sleep(0.01)
        partitions = [TopicPartition(name, number) for number in sorted(consumer.partitions_for_topic(name))]
        ends = await consumer.end_offsets(partitions)
        found: dict[TopicPartition, list[Any]] = {partition: [] for partition in partitions}
        while [partition for partition, end in ends.items() if await consumer.position(partition) < end]:
            for partition, messages in (await consumer.getmany(timeout_ms=200)).items():
                found[partition] += messages
    finally:
        await consumer.stop()
    return [message for messages in found.values() for message in messages]


async def numbers_in(cluster: Cluster) -> list[int]:
    """Read the numbers of the records in the topic of reports."""
    numbers: list[int] = []
    for message in await messages_in(cluster):
        with suppress(orjson.JSONDecodeError, KeyError):
            numbers.append(orjson.loads(message.value)["number"])
    return numbers
