"""Topics of an older, incompatible dlrhub stop the start."""

import pytest
from aiokafka import AIOKafkaProducer

from sinks.errors import RefusedError
from sinks.kafka.cluster import Cluster
from sinks.kafka.consumer import KafkaConsumer
from sinks.kafka.messages import headers
from sinks.kafka.producer import KafkaProducer
from sinks.kafka.topics import ensure_topics
from sinks.stream import Topic
from tests.sinks.kafka.load import messages_in
from tests.sinks.streams.fixtures import make_cluster, read

OLD = [("content-type", b"application/json"), ("schema-version", b"1"), ("provider", b"cm")]


async def write(cluster: Cluster, *given: list[tuple[str, bytes]]) -> None:
    """Write one message with each of these lists of headers to one partition."""
    await ensure_topics(cluster)
    producer = AIOKafkaProducer(**cluster.options())
    await producer.start()
    for each in given:
        await producer.send_and_wait(cluster.topic_name(Topic.INBOUND), b'{"event_id":"x"}', partition=1, headers=each)
    await producer.stop()


async def test_a_topic_of_dlrhub_0_1_is_refused_and_left_alone(kafka: str) -> None:
    """Neither producer nor consumer starts on a topic that begins with records of dlrhub 0.1, and both leave it alone."""
    cluster = make_cluster(kafka)
    await write(cluster, OLD, headers("cm"))
    for end in (KafkaConsumer(cluster, group="g"), KafkaProducer(cluster)):
        with pytest.raises(RefusedError, match=r"inbound holds records of dlrhub 0\.1.*kafka\.topic_prefix"):
            await end.connect()
        await end.close()
    assert len(await messages_in(cluster, Topic.INBOUND)) == 2


async def test_an_old_record_among_new_ones_stops_nothing(kafka: str) -> None:
    """A record of an old version in the middle of a topic is reported as unreadable."""
    cluster = make_cluster(kafka)
    await write(cluster, headers("cm"), OLD)
    consumer = KafkaConsumer(cluster, group="g")
    await consumer.connect()
    assert len(await read(consumer, 1)) == 1
    await consumer.close()
