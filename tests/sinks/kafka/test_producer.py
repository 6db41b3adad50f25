"""The Kafka producer: a confirmed record is on every in-sync replica, and a refused record does not affect others."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from sinks.errors import BusyError, RefusedError
from sinks.kafka.cluster import Cluster
from sinks.kafka.partitions import partition_of
from sinks.kafka.producer import KafkaProducer
from sinks.kafka.topics import MAX_MESSAGE_BYTES, ensure_topics
from sinks.records import SCHEMA_VERSION
from sinks.stream import Record, Topic
from tests.sinks.kafka.broker import Broker
from tests.sinks.kafka.cluster import Cluster as Brokers
from tests.sinks.kafka.load import messages_in, numbered, numbers_in
from tests.sinks.kafka.security import Security
from tests.sinks.streams.fixtures import make_cluster, make_secured_cluster


@asynccontextmanager
async def connected(cluster: Cluster) -> AsyncIterator[KafkaProducer]:
    """Connect a producer."""
    producer = KafkaProducer(cluster)
    await producer.connect()
    try:
        yield producer
    finally:
        await producer.close()


async def test_a_message_has_key_value_and_headers(kafka: str) -> None:
    """A message has its record's key, value and partition, and headers for type, schema version and provider."""
    cluster = make_cluster(kafka)
    async with connected(cluster) as producer:
        await producer.publish([Record(Topic.INBOUND, "消息", "juhe", b'{"a": 1}')], seconds=10)
    [message] = await messages_in(cluster, Topic.INBOUND)
    assert (message.key, message.value) == ("消息".encode(), b'{"a": 1}')
    assert message.partition == partition_of("消息".encode(), 3)
    assert message.headers == (
        ("content-type", b"application/json"),
        ("schema-version", str(SCHEMA_VERSION).encode()),
        ("provider", b"juhe"),
    )


@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
async def test_a_large_group_is_kept_in_order(kafka: str, compression: str | None) -> None:
    """A group of many batches arrives completely, each partition's records in their order."""
    cluster = make_cluster(kafka, compression=compression)
    group = [
        Record(Topic.REPORTS, f"m-{number}", "cm", b'{"number": %d, "x": "%s"}' % (number, b"x" * 200))
        for number in range(10_000)
    ]
    async with connected(cluster) as producer:
        await producer.publish(group, seconds=30)
    messages = await messages_in(cluster)
    assert len(messages) == 10_000
    assert {partition: [m.value for m in messages if m.partition == partition] for partition in range(3)} == {
        partition: [record.value for record in group if partition_of(record.key.encode(), 3) == partition]
        for partition in range(3)
    }


@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "SASL_SSL"])
@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_a_secured_kafka_is_published_to(
    kafka_secured: Broker, kafka_security: Security, mechanism: str, protocol: str
) -> None:
    """Records are published and read with a password, by every mechanism, with and without TLS."""
    cluster = make_secured_cluster(kafka_secured, kafka_security, mechanism, protocol)
    async with connected(cluster) as producer:
        await producer.publish([numbered(1)], seconds=10)
    assert await numbers_in(cluster) == [1]


async def test_a_record_that_is_too_large_is_refused_alone(kafka: str) -> None:
    """A record over the topic's limit is refused before anything is sent, and the connection stays usable."""
    cluster = make_cluster(kafka)
    largest = MAX_MESSAGE_BYTES - 1024
    async with connected(cluster) as producer:
        with pytest.raises(RefusedError, match="bytes are more than the topic takes"):
            await producer.publish([numbered(1), Record(Topic.REPORTS, "", "cm", b"x" * (largest + 1024))], seconds=10)
        await producer.publish([numbered(2), Record(Topic.REPORTS, "", "cm", b"x" * largest)], seconds=10)
        assert producer.connected
    assert sorted(len(message.value) for message in await messages_in(cluster)) == [len(numbered(2).value), largest]


async def test_after_a_refusal_by_the_broker_a_new_connection_works(kafka: str) -> None:
    """A record that the broker refuses ends the connection, and a new connection works."""
    cluster = make_cluster(kafka)
    async with connected(cluster) as producer:
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
        await admin.start()
        name = cluster.topic_name(Topic.REPORTS)
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, {"max.message.bytes": "10000"})])
        await admin.close()
        with pytest.raises(RefusedError):
            await producer.publish([Record(Topic.REPORTS, "", "cm", secrets.token_bytes(30_000))], seconds=10)
        with pytest.raises(BusyError, match="not connected"):
            await producer.publish([numbered(1)], seconds=10)
        assert (await producer.connect()).max_message_bytes == 10_000
        await producer.publish([numbered(2)], seconds=10)
    assert await numbers_in(cluster) == [2]


async def test_a_frozen_broker_is_not_waited_for(kafka_broker: Broker) -> None:
    """While the broker is frozen, publishing and closing end in time, and no task of the client is left."""
    cluster = make_cluster(kafka_broker.bootstrap)
    clock = asyncio.get_running_loop().time
    before = asyncio.all_tasks()
    producer = KafkaProducer(cluster)
    await producer.connect()
    kafka_broker.pause()
    started = clock()
    with pytest.raises(BusyError, match=r"no confirmation within 0.5 s"):
        await producer.publish([Record(Topic.REPORTS, f"{n}", "cm", b"x" * 100_000) for n in range(100)], seconds=0.5)
    assert not producer.connected
    await producer.close()
    assert clock() - started < 3
    assert asyncio.all_tasks() == before


async def test_a_confirmation_takes_every_in_sync_replica(kafka_cluster: Brokers) -> None:
    """With one of three brokers killed, records are confirmed; with two killed none is; confirmed ones are not lost."""
    cluster = make_cluster(kafka_cluster.bootstrap, replication_factor=3, partitions=2)
    assert not (await ensure_topics(cluster)).warnings
    async with connected(cluster) as producer:
        await producer.publish([numbered(number) for number in range(100)], seconds=10)
        await asyncio.to_thread(kafka_cluster.brokers[0].kill)
        await _until_confirmed(producer, [numbered(number) for number in range(100, 200)])
        await asyncio.to_thread(kafka_cluster.brokers[1].kill)
        with pytest.raises(BusyError):
            await producer.publish([numbered(200)], seconds=3)
        await asyncio.to_thread(kafka_cluster.start)
        await _until_confirmed(producer, [numbered(number) for number in range(201, 300)])
    assert set(range(300)) - set(await numbers_in(cluster)) <= {200}


async def _until_confirmed(producer: KafkaProducer, records: list[Record]) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                if not producer.connected:
                    await producer.connect()
                await producer.publish(records, seconds=5)
            except BusyError:
                await asyncio.sleep(0.1)
            else:
                return
