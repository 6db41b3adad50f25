"""A message that the client library can't decode stops nothing."""

from collections import Counter
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.record.util import calc_crc32c

from sinks.kafka.cluster import Cluster
from sinks.kafka.consumer import KafkaConsumer
from sinks.kafka.producer import KafkaProducer
from sinks.kafka.topics import ensure_topics
from sinks.stream import Record, Topic
from tests.sinks.kafka.load import numbered
from tests.sinks.streams.fixtures import make_cluster

_NAME = b"QQQQ"
_NOT_UTF_8 = b"\xff\xfe\xff\xfe"
#: A batch's checksum (CRC-32C) stands here, and covers all that follows (Kafka's record batch, version 2).
_CHECKSUM = slice(17, 21)


async def write_undecodable(cluster: Cluster) -> None:
    """Write a message with a header whose name is not UTF-8, as other clients can."""
    producer = AIOKafkaProducer(**cluster.options())
    await producer.start()
    batch: Any = producer.create_batch()
    batch.append(timestamp=None, key=b"k", value=b"{}", headers=[(_NAME.decode(), b"1")])
    batch.close()
    written = bytearray(batch._build())  # noqa: SLF001 - no client in Python writes such a name
    written[:] = written.replace(_NAME, _NOT_UTF_8)
    written[_CHECKSUM] = calc_crc32c(bytes(written[_CHECKSUM.stop :])).to_bytes(4, "big")
    batch._buffer = written  # noqa: SLF001
    await (await producer.send_batch(batch, cluster.topic_name(Topic.REPORTS), partition=1))
    await producer.stop()


async def publish(producer: KafkaProducer, *numbers: int) -> None:
    """Publish numbered records."""
    await producer.publish([numbered(number) for number in numbers], seconds=10)


async def test_a_message_that_can_t_be_decoded_stops_nothing(kafka: str) -> None:
    """The messages before and after it are read, in all partitions, and it is reported once as unreadable."""
    cluster = make_cluster(kafka)
    await ensure_topics(cluster)
    await write_undecodable(cluster)
    producer = KafkaProducer(cluster)
    await producer.connect()
    await publish(producer, *range(100))
    await write_undecodable(cluster)
    await publish(producer, *range(100, 200))
    await write_undecodable(cluster)
    await producer.close()
    consumer = KafkaConsumer(cluster, group="g")
    found: list[Record] = []
    unreadable: list[str] = []
    for _ in range(200):
        batch = await consumer.read(most=1000, wait_seconds=0.1)
        found += batch.records
        unreadable += [f"{record.value.decode()}: {error}" for record, error in batch.unreadable]
        await consumer.commit(batch)
        if len(found) == 200 and len(unreadable) == 3:
            break
    assert Counter(found) == Counter(numbered(number) for number in range(200))
    assert all("partition 1, offset" in each and "not UTF-8" in each for each in unreadable)
    assert len(set(unreadable)) == 3
    await consumer.close()
