"""The lag of a consumer group and the ids of its topics, read without being a member."""

import asyncio

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from sinks.errors import BusyError
from sinks.kafka.consumer import KafkaConsumer
from sinks.kafka.observer import Observer
from sinks.kafka.producer import KafkaProducer
from sinks.kafka.topics import ensure_topics
from sinks.stream import Topic
from tests.sinks.kafka.broker import Broker
from tests.sinks.kafka.load import numbered
from tests.sinks.streams.fixtures import make_cluster, read, read_and_commit

GROUP = "drains"


async def lag_of(observer: Observer) -> int:
    """Return the lag, once the broker is ready to tell it."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await observer.lag()
            except BusyError:
                await asyncio.sleep(0.2)


async def test_lag_is_seen_without_any_member(kafka: str) -> None:
    """The lag counts all records of a group without members, and falls with commits, not with reads."""
    cluster = make_cluster(kafka)
    observer, producer, consumer = Observer(cluster, GROUP), KafkaProducer(cluster), KafkaConsumer(cluster, group=GROUP)
    assert await lag_of(observer) == 0
    await producer.connect()
    await producer.publish([numbered(number) for number in range(40)], seconds=10)
    assert await lag_of(observer) == 40
    await read(consumer, 40)
    assert await observer.lag() == 40
    await consumer.close()
    consumer = KafkaConsumer(cluster, group=GROUP)
    await read_and_commit(consumer, 40)
    assert await observer.lag() == 0
    await consumer.close()
    await producer.publish([numbered(7)], seconds=10)
    assert await observer.lag() == 1
    await producer.close()
    await observer.close()


async def test_a_topic_that_is_made_again_has_another_id(kafka: str) -> None:
    """A missing topic has no id, and one that is deleted and made again has a new one."""
    cluster = make_cluster(kafka)
    observer = Observer(cluster, GROUP)
    assert set((await observer.topic_ids()).values()) == {None}
    await ensure_topics(cluster)
    before = await observer.topic_ids()
    assert await observer.topic_ids() == before
    admin = AIOKafkaAdminClient(**cluster.options())
    await admin.start()
    await admin.delete_topics([cluster.topic_name(Topic.REPORTS)])
    await admin.close()
    await ensure_topics(cluster)
    after = await observer.topic_ids()
    assert {name for name, topic_id in after.items() if before[name] != topic_id} == {cluster.topic_name(Topic.REPORTS)}
    assert None not in after.values()
    await observer.close()


async def test_a_broker_that_comes_back_is_asked_again(kafka_of_module: Broker) -> None:
    """While Kafka is away the observer raises `BusyError`, and afterwards it answers as before."""
    cluster = make_cluster(kafka_of_module.bootstrap)
    await ensure_topics(cluster)
    observer = Observer(cluster, GROUP)
    before = await observer.topic_ids()
    await asyncio.to_thread(kafka_of_module.kill)
    with pytest.raises(BusyError, match="kafka"):
        await observer.topic_ids()
    await asyncio.to_thread(kafka_of_module.start)
    assert await lag_of(observer) == 0
    assert await observer.topic_ids() == before
    await observer.close()
