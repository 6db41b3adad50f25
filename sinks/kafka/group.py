"""Moves a consumer group's offsets to a time, while the group has no members."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import CommitFailedError, KafkaConnectionError, KafkaError
from aiokafka.structs import TopicPartition

from sinks.errors import RefusedError
from sinks.kafka.cluster import Cluster, kafka_failed
from sinks.kafka.topics import ensure_topics
from sinks.stream import Topic


async def rewind_to(cluster: Cluster, group: str, topics: Sequence[Topic], at: datetime) -> Mapping[str, int]:
    """
    Commit, for each partition, the offset of the first record at `at` or later; return the offsets.

    Raises `RefusedError` while the group has members, `BusyError` if Kafka can't be reached.
    """
    try:
        counts = (await ensure_topics(cluster)).partitions
        names = [cluster.topic_name(topic) for topic in topics]
        partitions = [TopicPartition(name, number) for name in names for number in range(counts[name])]
        async with _observer(cluster, group, partitions) as observer:
            found = await observer.offsets_for_times(dict.fromkeys(partitions, int(at.timestamp() * 1000)))
            ends = await observer.end_offsets(partitions)
            offsets = {name: found[name].offset if found[name] else ends[name] for name in partitions}
            await observer.commit(offsets)
    except CommitFailedError:
        raise RefusedError(f"kafka: group {group} can't be set back while drains run in it: stop them first") from None
    except (KafkaError, TimeoutError) as error:
        raise kafka_failed(error) from error
    return {f"{partition.topic}/{partition.partition}": offset for partition, offset in offsets.items()}


@asynccontextmanager
async def _observer(
    cluster: Cluster, group: str, partitions: Collection[TopicPartition]
) -> AsyncIterator[AIOKafkaConsumer]:
    """Connect without joining the group."""
    observer = AIOKafkaConsumer(**cluster.options(), group_id=group, enable_auto_commit=False)
    observer.assign(list(partitions))
    try:
        await observer.start()
        yield observer
    except KafkaConnectionError:
        raise await cluster.why_unreachable() from None
    finally:
        await observer.stop()
