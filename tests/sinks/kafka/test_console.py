"""Kafka's own console consumer reads the records as documented."""

import asyncio

import orjson
import pytest

from sinks.kafka.producer import KafkaProducer
from sinks.records import SCHEMA_VERSION
from sinks.stream import Topic
from tests.deploy.schemas.published import records, validator
from tests.sinks.kafka.console import read_topic
from tests.sinks.streams.fixtures import make_cluster


@pytest.mark.parametrize("topic", [Topic.REPORTS, Topic.DEAD_LETTERS])
async def test_the_console_consumer_reads_values_that_validate(kafka: str, topic: Topic) -> None:
    """Kafka's console consumer shows key, headers and a value that validates against the published schema."""
    cluster = make_cluster(kafka)
    written = [record for record in records() if record.topic is topic]
    producer = KafkaProducer(cluster)
    await producer.connect()
    await producer.publish(written, seconds=30)
    await producer.close()
    shown = await asyncio.to_thread(read_topic, kafka, cluster.topic_name(topic), most=len(written))
    assert sorted((message.key, message.value.encode()) for message in shown) == sorted(
        (record.key, record.value) for record in written
    )
    for message in shown:
        value = orjson.loads(message.value)
        validator(topic).validate(value)
        assert message.headers == {
            "content-type": "application/json",
            "schema-version": str(SCHEMA_VERSION),
            "provider": value["provider"],
        }
