"""
Refuses topics that hold records of dlrhub 0.1.

Version 0.1 made event ids of other fields, so that a report which it published, and which its provider repeats, would
count twice.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from sinks.errors import RefusedError
from sinks.kafka.cluster import Cluster
from sinks.kafka.messages import read_headers
from sinks.kafka.topics import Topics, ensure_topics

#: The schema version of dlrhub 0.1.
_OLD_VERSION: Final = 1
_FETCH_SECONDS: Final = 3.0


class CheckedTopics:
    """The topics of a cluster; the first look at them also refuses records of dlrhub 0.1."""

    def __init__(self, cluster: Cluster) -> None:
        """Connect to nothing yet."""
        self._cluster = cluster
        self._without_old_records = False

    async def look(self) -> Topics:
        """
        Make the topics that are missing, and check the others.

        Raises `RefusedError` if the settings, the cluster or old records prevent a start, `BusyError` if Kafka can't be
        reached.
        """
        topics = await ensure_topics(self._cluster)
        if not self._without_old_records:
            await _refuse_old_records(self._cluster, topics)
            self._without_old_records = True
        return topics


async def _refuse_old_records(cluster: Cluster, topics: Topics) -> None:
    """Raise `RefusedError` if the oldest record of a topic is of dlrhub 0.1."""
    reader = AIOKafkaConsumer(**cluster.options(), auto_offset_reset="earliest", fetch_max_wait_ms=100)
    try:
        async with cluster.explained_errors():
            await reader.start()
            oldest = await _oldest(reader, topics.partitions)
    finally:
        await reader.stop()
    for message in oldest:
        if read_headers(message.headers)[1] == _OLD_VERSION and (message.value or b"").startswith(b"{"):
            raise RefusedError(
                f"kafka: topic {message.topic} holds records of dlrhub 0.1, which this version can't read: choose"
                " another kafka.topic_prefix, or delete the topic"
            )


async def _oldest(reader: AIOKafkaConsumer, counts: Mapping[str, int]) -> Sequence[Any]:
    """Return the oldest record of one partition of each topic that has any."""
    partitions = [TopicPartition(name, number) for name, count in counts.items() for number in range(count)]
    starts, ends = await reader.beginning_offsets(partitions), await reader.end_offsets(partitions)
    wanted = {partition.topic: partition for partition in partitions if ends[partition] > starts[partition]}
    if not wanted:
        return []
    reader.assign(list(wanted.values()))
    found: dict[str, Any] = {}
    with suppress(TimeoutError, UnicodeDecodeError):  # only a transaction's marks, or a message that can't be decoded
        async with asyncio.timeout(_FETCH_SECONDS):
            while len(found) < len(wanted):
                for [message] in (await reader.getmany(timeout_ms=100, max_records=1)).values():
                    found[message.topic] = message
                    reader.pause(wanted[message.topic])
    return list(found.values())
