"""dlrhub puts a key into the same partition as Kafka's own clients."""

import asyncio
import subprocess
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from sinks.kafka.partitions import partition_of
from tests.sinks.kafka.broker import java


@pytest.mark.parametrize(
    ("key", "signed"),
    [
        ("21", -973932308),
        ("foobar", -790332482),
        ("a-little-bit-long-string", -985981536),
        ("a-little-bit-longer-string", -1486304829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        ("abc", 479470107),
    ],
)
def test_the_hash_is_kafkas(key: str, signed: int) -> None:
    """The hash of a key is the one that Kafka's own tests expect (UtilsTest.testMurmur2), without its sign."""
    assert partition_of(key.encode(), 2**31) == signed % 2**31


async def test_a_key_goes_where_the_java_producer_puts_it(kafka: str) -> None:
    """Kafka's console producer puts a key into the partition that dlrhub would choose."""
    topic, keys = f"topic-{uuid4()}", [f"{number}-消息"[: number % 9 + 1] for number in range(100)]
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 7, 1)])
    await admin.close()
    command = java(
        "org.apache.kafka.tools.ConsoleProducer",
        *("--bootstrap-server", kafka, "--topic", topic),
        *("--reader-property", "parse.key=true", "--reader-property", "key.separator=="),
    )
    lines = "".join(f"{key}=value\n" for key in keys)
    await asyncio.to_thread(subprocess.run, command, input=lines.encode(), check=True, capture_output=True, timeout=60)
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, auto_offset_reset="earliest")
    consumer.assign([TopicPartition(topic, number) for number in range(7)])
    await consumer.start()
    messages = [await asyncio.wait_for(consumer.getone(), 30) for _ in keys]
    await consumer.stop()
    assert sorted(message.key.decode() for message in messages) == sorted(keys)
    assert [message.partition for message in messages] == [partition_of(message.key, 7) for message in messages]
