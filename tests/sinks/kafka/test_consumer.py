"""The Kafka consumer skips no record, whatever happens to the group, the broker or the topics."""

import asyncio
import itertools
import os
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from operator import attrgetter

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete
from aiokafka.structs import TopicPartition
from msgspec.structs import replace

from sinks.errors import RefusedError
from sinks.kafka.cluster import Cluster
from sinks.kafka.consumer import KafkaConsumer, StalledError
from sinks.kafka.group import rewind_to
from sinks.kafka.messages import headers, read_headers, read_value
from sinks.kafka.observer import Observer
from sinks.kafka.producer import KafkaProducer
from sinks.kafka.topics import ensure_topics
from sinks.records import SCHEMA_VERSION
from sinks.stream import Batch, Record, Topic
from tests.sinks.kafka.broker import Broker
from tests.sinks.kafka.load import numbered
from tests.sinks.streams.fixtures import make_cluster, read, read_and_commit
from tests.waiting import until

GROUP = "drains"


@pytest.fixture
def cluster(kafka: str) -> Cluster:
    """Return the settings of the shared broker."""
    return make_cluster(kafka)


@pytest.fixture
async def consumer(cluster: Cluster) -> AsyncIterator[KafkaConsumer]:
    """Open a consumer."""
    consumer = KafkaConsumer(cluster, group=GROUP)
    yield consumer
    await consumer.close()


async def publish(cluster: Cluster, *numbers: int) -> None:
    """Publish numbered records."""
    producer = KafkaProducer(cluster)
    await producer.connect()
    await producer.publish([numbered(number) for number in numbers], seconds=10)
    await producer.close()


def assigned(consumer: KafkaConsumer) -> set[TopicPartition]:
    """Return the partitions that a consumer has now."""
    client = consumer._client  # noqa: SLF001 - the interface does not tell
    return set(client.assignment()) if client else set()


async def shared_out(*consumers: KafkaConsumer, partitions: int) -> None:
    """Return once every consumer has some of the partitions, and all are assigned."""
    async with asyncio.timeout(60):
        while True:
            for consumer in consumers:
                await consumer.read(most=1, wait_seconds=0.05) if not assigned(consumer) else None
            parts = [assigned(consumer) for consumer in consumers]
            if all(parts) and sum(map(len, parts)) == partitions:
                return
            await asyncio.sleep(0.05)


async def test_partitions_that_were_lost_are_not_committed(cluster: Cluster) -> None:
    """After a rebalance, records that were read before it are not committed, so that the new owner reads them."""
    await publish(cluster, *range(100))
    first = KafkaConsumer(cluster, group=GROUP)
    batch = await first.read(most=1000, wait_seconds=20)
    batch = Batch([*batch.records, *await read(first, 100 - len(batch.records))], batch.positions)
    assert len(batch.records) == 100
    second = KafkaConsumer(cluster, group=GROUP)
    await shared_out(first, second, partitions=12)
    await first.commit(batch)
    await first.close()
    await second.close()
    third = KafkaConsumer(cluster, group=GROUP)
    assert Counter(await read(third, 100)) == Counter(numbered(number) for number in range(100))
    await third.close()


async def test_a_group_reads_everything_while_members_come_and_go(cluster: Cluster) -> None:
    """No record is skipped while members join and leave."""
    found: set[int] = set()
    stopping = asyncio.Event()

    async def member() -> None:
        consumer = KafkaConsumer(cluster, group=GROUP)
        while not stopping.is_set():
            batch = await consumer.read(most=20, wait_seconds=0.05)
            await asyncio.sleep(0.01)
            found.update(int(record.value[11:-1]) for record in batch.records)
            await consumer.commit(batch)
        await consumer.close()

    await publish(cluster, *range(2000))
    members = [asyncio.create_task(member())]
    for size in range(2, 4):
        await until(lambda size=size: len(found) > 400 * (size - 1), seconds=60)  # type: ignore[misc]
        members.append(asyncio.create_task(member()))
    await publish(cluster, *range(2000, 3000))
    await until(lambda: len(found) == 3000, seconds=60)
    stopping.set()
    await asyncio.gather(*members)


async def test_a_broker_that_comes_back_is_read_again(kafka_of_module: Broker) -> None:
    """After its broker was restarted, a consumer continues by itself, and repeats a commit that failed."""
    cluster = make_cluster(kafka_of_module.bootstrap)
    consumer = KafkaConsumer(cluster, group=GROUP)
    await publish(cluster, *range(10))
    batch = await consumer.read(most=1000, wait_seconds=20)
    rest = await read(consumer, 10 - len(batch.records))
    await asyncio.to_thread(kafka_of_module.kill)
    await consumer.commit(batch)
    assert not (await consumer.read(most=10, wait_seconds=0.2)).records
    await asyncio.to_thread(kafka_of_module.start)
    await publish(cluster, *range(10, 20))
    again = await read_and_commit(consumer, 10, seconds=60)
    await consumer.close()
    assert {int(record.value[11:-1]) for record in (*batch.records, *rest, *again)} == set(range(20))


async def test_a_kafka_that_is_away_is_waited_for() -> None:
    """Reading from a Kafka that can't be reached returns no records in time, and closing does not hang."""
    consumer = KafkaConsumer(make_cluster("127.0.0.1:1"), group=GROUP)
    clock = asyncio.get_running_loop().time
    started = clock()
    for _ in range(3):
        assert not (await consumer.read(most=10, wait_seconds=0.2)).records
    assert await consumer.lag() == 0
    await consumer.close()
    assert clock() - started < 3


async def test_a_read_ends_though_records_keep_coming(cluster: Cluster) -> None:
    """A batch ends after a while even if records keep coming too slowly to fill it."""
    consumer = KafkaConsumer(cluster, group=GROUP, next_seconds=1.0)  # so that no gap ends the batch
    producer = KafkaProducer(cluster)
    await producer.connect()

    async def trickle() -> None:
        for number in itertools.count():
            await producer.publish([numbered(number)], seconds=10)
            await asyncio.sleep(0.005)

    trickling = asyncio.create_task(trickle())
    async with asyncio.timeout(10):
        while not (await consumer.read(most=1_000_000, wait_seconds=1)).records:
            pass
    trickling.cancel()
    await producer.close()
    await consumer.close()


async def test_a_backlog_fills_a_batch(cluster: Cluster) -> None:
    """If enough records wait, a batch is filled, however many fetches that takes."""
    consumer = KafkaConsumer(cluster, group=GROUP, next_seconds=5, batch_seconds=0)
    producer = KafkaProducer(cluster)
    await producer.connect()
    for start in range(0, 1000, 50):
        group = [replace(numbered(start + at), value=b'"%s"' % os.urandom(5000).hex().encode()) for at in range(50)]
        await producer.publish(group, seconds=10)  # a fetch brings a megabyte of a partition at most
    await producer.close()
    while not (batch := await consumer.read(most=1000, wait_seconds=5)).records:
        pass
    await consumer.close()
    assert len(batch.records) == 1000


async def make_again(cluster: Cluster) -> None:
    """Delete the topics, and make them again under their names."""
    admin = AIOKafkaAdminClient(**cluster.options())
    await admin.start()
    await admin.delete_topics([cluster.topic_name(topic) for topic in Topic])
    await admin.close()
    async with asyncio.timeout(20):
        while len((await ensure_topics(cluster)).partitions) < len(Topic):
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("count", [5, 300])
async def test_a_topic_that_is_made_again_is_read_from_its_start(
    cluster: Cluster, consumer: KafkaConsumer, count: int
) -> None:
    """A running consumer notices that a topic was deleted and made again, whether fewer or more records follow."""
    await publish(cluster, *range(100))
    await read_and_commit(consumer, 100)
    await make_again(cluster)
    await publish(cluster, *range(1000, 1000 + count))
    again = await read_and_commit(consumer, count, seconds=20)
    assert {int(record.value[11:-1]) for record in again} == set(range(1000, 1000 + count))


class OtherTopics(Observer):
    """An observer that pretends that the topics were made again; aiokafka would sometimes notice a real case itself."""

    made_again = False
    meanwhile: Callable[[], Awaitable[None]] | None = None

    async def topic_ids(self) -> Mapping[str, bytes | None]:
        """Return the ids, or others, after `meanwhile`."""
        ids = await super().topic_ids()
        if self.meanwhile is not None:
            await self.meanwhile()
        return dict.fromkeys(ids, b"another id") if self.made_again else ids


async def test_offsets_of_a_deleted_topic_are_not_committed_to_its_successor(cluster: Cluster) -> None:
    """Once a topic has another id, offsets of the old topic are not committed: they would skip records of the new one."""
    observer = OtherTopics(cluster, GROUP)
    consumer = KafkaConsumer(cluster, group=GROUP, observer=observer)
    await publish(cluster, *range(100))
    batch = await consumer.read(most=1000, wait_seconds=20)
    await read(consumer, 100 - len(batch.records))
    observer.made_again = True
    await consumer.commit(batch)
    assert await observer.lag() == 100
    assert len(await read_and_commit(consumer, 100)) == 100
    await consumer.close()


async def test_a_rebalance_during_a_commit_leaves_nothing_to_commit(cluster: Cluster) -> None:
    """If the partitions are revoked while a commit checks the topics, it ends without a commit and without an error."""
    observer = OtherTopics(cluster, GROUP)
    consumer = KafkaConsumer(cluster, group=GROUP, observer=observer)
    await publish(cluster, *range(10))
    batch = await consumer.read(most=1000, wait_seconds=20)
    observer.meanwhile = partial(consumer.on_partitions_revoked, [])
    await consumer.commit(batch)
    assert await observer.lag() == 10
    await consumer.close()


async def test_expired_offsets_go_to_the_earliest_record(cluster: Cluster, consumer: KafkaConsumer) -> None:
    """If Kafka has deleted the next records, reading continues with the oldest record that is left."""
    await publish(cluster, *range(30))
    await read(consumer, 30)
    await consumer.close()
    partitions = [TopicPartition(cluster.topic_name(Topic.REPORTS), number) for number in range(3)]
    admin = AIOKafkaAdminClient(**cluster.options())
    await admin.start()
    await admin.delete_records({partition: RecordsToDelete(before_offset=1) for partition in partitions})
    await admin.close()
    again = KafkaConsumer(cluster, group=GROUP)
    assert len(await read(again, 27)) == 27
    await again.close()


async def test_a_consumer_that_is_stuck_says_so(cluster: Cluster) -> None:
    """If records wait and none is read for long, the consumer raises, so that its process is restarted."""
    consumer = KafkaConsumer(cluster, group=GROUP, stall_seconds=0.5)
    await publish(cluster, *range(10))
    await read_and_commit(consumer, 10)
    async with asyncio.timeout(1.5):  # nothing waits, so nothing is raised
        with pytest.raises(TimeoutError):
            await _read_for_ever(consumer, seconds=1)
    assert consumer._client is not None  # noqa: SLF001 - makes it fetch no more
    consumer._client.pause(*assigned(consumer))  # noqa: SLF001
    await publish(cluster, *range(10, 20))
    with pytest.raises(StalledError, match="10 records wait"):
        await _read_for_ever(consumer, seconds=20)
    await consumer.close()


async def _read_for_ever(consumer: KafkaConsumer, *, seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while True:
            await consumer.read(most=10, wait_seconds=0.1)


async def test_the_group_can_be_set_back_to_a_time(cluster: Cluster) -> None:
    """A group can be moved to a time, so that records since then are read again, unless it has members."""
    await publish(cluster, *range(10))
    await asyncio.sleep(0.01)
    between = datetime.now(UTC)
    await publish(cluster, *range(10, 30))
    consumer = KafkaConsumer(cluster, group=GROUP)
    await read_and_commit(consumer, 30)
    with pytest.raises(RefusedError, match="stop them first"):
        await rewind_to(cluster, GROUP, between)
    await consumer.close()
    await rewind_to(cluster, GROUP, between)
    again = KafkaConsumer(cluster, group=GROUP)
    assert {int(record.value[11:-1]) for record in await read_and_commit(again, 20)} == set(range(10, 30))
    await again.close()
    await rewind_to(cluster, GROUP, datetime.now(UTC))
    observer = Observer(cluster, GROUP)
    assert await observer.lag() == 0
    await observer.close()


async def read_all(consumer: KafkaConsumer, count: int) -> Batch:
    """Read until there are `count` messages, unreadable ones included."""
    whole = Batch([], {})
    async with asyncio.timeout(30):
        while len(whole.records) + len(whole.unreadable) < count:
            batch = await consumer.read(most=1000, wait_seconds=0.1)
            whole = Batch([*whole.records, *batch.records], {}, [*whole.unreadable, *batch.unreadable])
    return whole


FOREIGN: list[tuple[bytes | None, bytes | None, list[tuple[str, bytes | None]], str]] = [
    (None, b"tombstone", [], "a message without a value"),
    (b"{}", b"null", [("schema-version", None)], "the header schema-version holds no number"),
    (b"{}", b"text", [("schema-version", b"x")], "the header schema-version holds no number"),
    (b"{}", b"long", [("schema-version", b"1" * 5000)], "the header schema-version holds no number"),
    (b"{}", b"old", [("schema-version", b"1")], "schema-version 1 is not read by this version of dlrhub"),
    (b"\xff", b"not JSON", [("schema-version", b"0")], "no JSON"),
]


async def test_unreadable_messages_are_reported(cluster: Cluster, consumer: KafkaConsumer) -> None:
    """A message that is no record is passed to the drain with the reason, and reading continues."""
    await publish(cluster, 1)
    producer = AIOKafkaProducer(**cluster.options())
    await producer.start()
    name = cluster.topic_name(Topic.REPORTS)
    for value, key, given, _ in FOREIGN:
        await producer.send_and_wait(name, value, key=key, headers=given)
    await producer.send_and_wait(name, b"not JSON", key=b"\xff")
    await producer.send_and_wait(name, b"{}", key=b"newer", headers=[("schema-version", b"99"), ("provider", None)])
    await producer.stop()
    batch = await read_all(consumer, 9)
    assert {record.key: str(error) for record, error in batch.unreadable} == {
        (key or b"").decode(): why for _, key, _, why in FOREIGN
    }
    assert sorted(batch.records, key=attrgetter("key")) == [
        numbered(1),
        Record(Topic.REPORTS, "newer", "", b"{}"),
        Record(Topic.REPORTS, "\ufffd", "", b"not JSON"),
    ]


def test_older_values_are_upgraded() -> None:
    """A value of an older schema version is upgraded step by step; one of a newer version is not changed."""
    upgrades = {0: lambda value: value | {"b": 2}, 1: lambda value: value | {"c": 3}}
    assert read_value(b'{"a":1}', 0, upgrades) == b'{"a":1,"b":2,"c":3}'
    assert read_value(b'{"a": 1}', 9, upgrades) == b'{"a": 1}'
    for value in (b"[1]", b"", b"null", b"7"):
        with pytest.raises(RefusedError):
            read_value(value, 0, upgrades)


def test_missing_and_odd_headers_are_read() -> None:
    """Without a header the schema version is the present one; a provider's name is decoded and cut to 64 characters."""
    assert read_headers(()) == ("", SCHEMA_VERSION)
    assert read_headers((("provider", b"\xff" * 1000),)) == ("\ufffd" * 64, SCHEMA_VERSION)
    assert read_headers(tuple(headers("cm"))) == ("cm", SCHEMA_VERSION)
