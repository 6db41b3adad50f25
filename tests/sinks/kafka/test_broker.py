"""The broker of the tests is a real one, and can be made to fail as real ones do."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tests.sinks.kafka.broker import Broker
from tests.sinks.kafka.cluster import Cluster
from tests.sinks.kafka.console import Message, read_topic
from tests.sinks.kafka.security import Security


async def _make_topic(bootstrap: str, **options: Any) -> str:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, **options)
    topic = f"topic-{uuid4()}"
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, -1, -1, {})])
    finally:
        await admin.close()
    return topic


@asynccontextmanager
async def _producer(bootstrap: str, **options: Any) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, **options)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def _values(bootstrap: str, topic: str, count: int, **options: Any) -> list[bytes]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest", **options)
    consumer.assign([TopicPartition(topic, 0)])
    await consumer.start()
    try:
        async with asyncio.timeout(30):
            return [(await consumer.getone()).value for _ in range(count)]
    finally:
        await consumer.stop()


async def _round_trip(bootstrap: str, **options: Any) -> None:
    topic = await _make_topic(bootstrap, **options)
    async with _producer(bootstrap, **options) as producer:
        await producer.send_and_wait(topic, b"kept")
    assert await _values(bootstrap, topic, 1, **options) == [b"kept"]


async def test_a_confirmed_record_can_be_read(kafka: str) -> None:
    """A consumer reads exactly the records that all replicas confirmed to an idempotent producer."""
    await _round_trip(kafka)


async def test_the_console_consumer_reads_what_was_written(kafka: str) -> None:
    """A reader that nobody here wrote shows headers, key and value as they were written."""
    topic = await _make_topic(kafka)
    async with _producer(kafka) as producer:
        await producer.send_and_wait(topic, b'{"a": 1}', key=b"k", headers=[("provider", b"cm"), ("n", b"1")])
        await producer.send_and_wait(topic, b"bare", key=b"k")
    assert await asyncio.to_thread(read_topic, kafka, topic, most=2) == [
        Message({"provider": "cm", "n": "1"}, "k", '{"a": 1}'),
        Message({}, "k", "bare"),
    ]


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_a_broker_comes_back_with_its_data(kafka_broker: Broker, end: str) -> None:
    """A stopped or killed broker stands on the same port afterwards, with every confirmed record."""
    bootstrap = kafka_broker.bootstrap
    topic = await _make_topic(bootstrap)
    async with _producer(bootstrap) as producer:
        await producer.send_and_wait(topic, b"kept")
    await asyncio.to_thread(getattr(kafka_broker, end))
    assert not kafka_broker.answers()
    await asyncio.to_thread(kafka_broker.start)
    assert kafka_broker.bootstrap == bootstrap
    assert await _values(bootstrap, topic, 1) == [b"kept"]


async def test_a_frozen_broker_confirms_nothing_until_it_goes_on(kafka_broker: Broker) -> None:
    """A frozen broker leaves its clients waiting, and serves them when it goes on."""
    topic = await _make_topic(kafka_broker.bootstrap)
    async with _producer(kafka_broker.bootstrap) as producer:
        await producer.send_and_wait(topic, b"before")
        kafka_broker.pause()
        sent = await producer.send(topic, b"meanwhile")
        assert not await asyncio.to_thread(kafka_broker.answers)
        assert not sent.done()
        kafka_broker.resume()
        async with asyncio.timeout(30):
            await sent
    assert await _values(kafka_broker.bootstrap, topic, 2) == [b"before", b"meanwhile"]


async def test_a_cluster_loses_nothing_with_one_broker(kafka_cluster: Cluster) -> None:
    """With one of three brokers killed, what was confirmed is still there, and more is confirmed."""
    topic = await _make_topic(kafka_cluster.bootstrap)
    async with _producer(kafka_cluster.bootstrap) as producer:
        await producer.send_and_wait(topic, b"before")
        await asyncio.to_thread(kafka_cluster.brokers[0].kill)
        async with asyncio.timeout(60):
            await producer.send_and_wait(topic, b"after")
        assert await _values(kafka_cluster.bootstrap, topic, 2) == [b"before", b"after"]


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "SASL_SSL"])
async def test_a_user_is_known_by_password(
    kafka_secured: Broker, kafka_security: Security, protocol: str, mechanism: str
) -> None:
    """The secured broker takes its one user by every mechanism, with and without TLS."""
    context = ssl.create_default_context(cafile=kafka_security.ca_file) if protocol == "SASL_SSL" else None
    await _round_trip(
        kafka_secured.address(protocol),
        security_protocol=protocol,
        sasl_mechanism=mechanism,
        sasl_plain_username=kafka_security.username,
        sasl_plain_password=kafka_security.password,
        ssl_context=context,
    )


async def test_a_client_is_known_by_certificate(kafka_secured: Broker, kafka_security: Security) -> None:
    """The secured broker takes a client whose certificate its authority signed."""
    context = ssl.create_default_context(cafile=kafka_security.ca_file)
    context.load_cert_chain(*kafka_security.client_certificate)
    await _round_trip(kafka_secured.address("SSL"), security_protocol="SSL", ssl_context=context)
