"""The journal and Kafka as one fixture, for the tests that run over every stream."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from sinks.journal.consumer import JournalConsumer
from sinks.journal.writer import SEGMENT_BYTES, Journal
from sinks.kafka.cluster import Cluster
from sinks.kafka.consumer import KafkaConsumer
from sinks.kafka.producer import KafkaProducer
from sinks.kafka.spill import SpillingProducer
from sinks.stream import Consumer, Producer, Record
from tests.sinks.kafka.broker import Broker
from tests.sinks.kafka.security import Security


@dataclass(frozen=True)
class Stream:
    """One stream, whose producers and consumers can be opened any number of times."""

    open_producer: Callable[[], Awaitable[Producer]]
    open_consumer: Callable[[], Awaitable[Consumer]]


class SpillNotes:
    """A `SpillWatch` that records its calls."""

    def __init__(self) -> None:
        """Begin without calls."""
        self.told: list[str] = []
        self.depth: tuple[int, float] = (0, 0.0)

    def away(self, why: str) -> None:
        """Record the call."""
        self.told.append(f"away: {why}")

    def back(self) -> None:
        """Record the call."""
        self.told.append("back")

    def spilled(self, records: int, oldest_seconds: float) -> None:
        """Record the latest values."""
        self.depth = records, oldest_seconds

    def refused(self, topic: str, error: Exception) -> None:
        """Record the call."""
        self.told.append(f"refused: {topic}: {error}")

    def warn(self, text: str) -> None:
        """Record the call."""
        self.told.append(f"warning: {text}")


def make_cluster(bootstrap: str, **given: Any) -> Cluster:
    """Return a broker's settings, with topics of this test's own."""
    return Cluster(**{"bootstrap_servers": bootstrap, "topic_prefix": f"{uuid4()}.", "partitions": 3, **given})


def make_secured_cluster(broker: Broker, security: Security, mechanism: str, protocol: str = "SASL_SSL") -> Cluster:
    """Return the settings of a secured broker and its user."""
    return make_cluster(
        broker.address(protocol),
        security_protocol=protocol,
        ssl_cafile=security.ca_file,
        sasl_mechanism=mechanism,
        sasl_username=security.username,
        sasl_password=security.password,
    )


async def open_spilling(
    cluster: Cluster,
    folder: Path,
    *,
    name: str = "receiver-0",
    confirm_seconds: float = 5,
    segment_bytes: int = SEGMENT_BYTES,
) -> SpillingProducer:
    """Open a producer whose spill is a journal in `folder`, and wait until it is connected."""
    producer = SpillingProducer(
        KafkaProducer(cluster),
        Journal(folder / name, segment_bytes=segment_bytes),
        folder.with_name(f"{folder.name}-refused"),
        SpillNotes(),
        confirm_seconds=confirm_seconds,
    )
    await producer.start()
    return producer


@pytest.fixture(params=["journal", "kafka"])
def stream(request: pytest.FixtureRequest, tmp_path: Path) -> Stream:
    """Give each kind of stream in turn, empty."""
    if request.param == "journal":
        return _journal(tmp_path)
    return _kafka(request.getfixturevalue("kafka"), tmp_path)


def _journal(folder: Path) -> Stream:
    async def open_producer() -> Producer:
        return Journal(folder / "receiver-0")

    async def open_consumer() -> Consumer:
        return JournalConsumer(folder)

    return Stream(open_producer, open_consumer)


def _kafka(bootstrap: str, folder: Path) -> Stream:
    cluster = make_cluster(bootstrap)

    async def open_producer() -> Producer:
        return await open_spilling(cluster, folder / "spill")

    async def open_consumer() -> Consumer:
        return KafkaConsumer(cluster, group=cluster.topic_prefix)

    return Stream(open_producer, open_consumer)


async def read(consumer: Consumer, count: int, *, seconds: float = 30) -> list[Record]:
    """Read, without a commit, until there are `count` records and nothing follows."""
    records: list[Record] = []
    async with asyncio.timeout(seconds):
        while True:
            batch = await consumer.read(most=1000, wait_seconds=0.1)
            records.extend(batch.records)
            if len(records) >= count and not batch.records:
                return records


async def read_and_commit(consumer: Consumer, count: int, *, seconds: float = 30) -> list[Record]:
    """Read and commit until there are `count` records."""
    records: list[Record] = []
    async with asyncio.timeout(seconds):
        while len(records) < count:
            batch = await consumer.read(most=1000, wait_seconds=0.1)
            records.extend(batch.records)
            await consumer.commit(batch)
    return records
