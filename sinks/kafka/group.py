"""Moves a consumer group's offsets to a time, while the group has no members."""

from collections.abc import Mapping
from datetime import datetime

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import CommitFailedError
from aiokafka.structs import TopicPartition

from sinks.errors import RefusedError
from sinks.kafka.cluster import Cluster
from sinks.kafka.topics import ensure_topics


async def rewind_to(cluster: Cluster, group: str, at: datetime) -> Mapping[str, int]:
    """
    Commit, for each partition, the offset of the first record at `at` or later; return the offsets.

    Raises `RefusedError` while the group has members, `BusyError` if Kafka can't be reached.
    """
    counts = (await ensure_topics(cluster)).partitions
    partitions = [TopicPartition(name, number) for name, count in counts.items() for number in range(count)]
    client = AIOKafkaConsumer(**cluster.options(), group_id=group, enable_auto_commit=False)
    client.assign(partitions)  # without joining the group
    try:
        async with cluster.explained_errors():
            await client.start()
            found = await client.offsets_for_times(dict.fromkeys(partitions, int(at.timestamp() * 1000)))
            ends = await client.end_offsets(partitions)
            offsets = {name: found[name].offset if found[name] else ends[name] for name in partitions}
            await _commit(client, offsets, group)
    finally:
        await client.stop()
    return {f"{partition.topic}/{partition.partition}": offset for partition, offset in offsets.items()}


async def _commit(client: AIOKafkaConsumer, offsets: Mapping[TopicPartition, int], group: str) -> None:
    try:
        await client.commit(offsets)
    except CommitFailedError:
        raise RefusedError(f"kafka: group {group} can't be set back while drains run in it: stop them first") from None
