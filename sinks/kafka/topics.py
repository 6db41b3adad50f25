"""Makes missing topics, and checks the settings of existing ones, so that a start reports unsuitable ones."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import NoError, TopicAlreadyExistsError, for_code

from sinks.errors import BusyError, RefusedError
from sinks.kafka.cluster import Cluster
from sinks.stream import Topic

#: Largest message of topics that dlrhub makes: holds a callback of the receiver's default size with JSON escapes.
MAX_MESSAGE_BYTES: Final = 8 * 1024 * 1024
#: Largest message, by Kafka's default, of a topic whose settings we may not read.
_DEFAULT_MESSAGE_BYTES: Final = 1_048_588
_NEWS_SECONDS: Final = 0.1
_SAFE_REPLICAS: Final = 3
_SAFE_IN_SYNC: Final = 2
_CONFIGS: Final = ("cleanup.policy", "max.message.bytes", "min.insync.replicas")

#: The partitions of each topic, as Kafka describes them.
Described: TypeAlias = Mapping[str, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Topics:
    """
    The state of the topics.

    `partitions` has the number of each topic's partitions, `max_message_bytes` is the largest batch that every topic
    takes, `warnings` are for the operator.
    """

    partitions: Mapping[str, int]
    max_message_bytes: int
    warnings: Sequence[str]


async def ensure_topics(cluster: Cluster, *, make: bool = True) -> Topics:
    """
    Make the topics that are missing (or, without `make`, warn of them), and check the others.

    Raises `RefusedError` if the settings or the cluster have to be changed first, `BusyError` if Kafka can't be reached.
    """
    names = [cluster.topic_name(topic) for topic in Topic]
    admin = AIOKafkaAdminClient(**cluster.options())
    try:
        async with cluster.explained_errors():
            await admin.start()
            there = await _partitions(admin, names)
            missing = [name for name in names if name not in there]
            if make and missing:
                there = await _make(admin, cluster, missing)
                missing = []
            return _inspect(cluster, there, await _configs(admin, list(there)), missing)
    finally:
        await admin.close()


async def _make(admin: AIOKafkaAdminClient, cluster: Cluster, missing: Sequence[str]) -> Described:
    for name in missing:
        await _create(admin, cluster, name)
    names = [cluster.topic_name(topic) for topic in Topic]
    there = await _partitions(admin, names)
    while len(there) < len(names):  # it takes a while until every broker knows a new topic
        await asyncio.sleep(_NEWS_SECONDS)
        there = await _partitions(admin, names)
    return there


async def _partitions(admin: AIOKafkaAdminClient, names: Sequence[str]) -> Described:
    """Return the partitions of existing topics; a request by name might make a broker create missing ones."""
    described = await admin.describe_topics()
    return {topic["topic"]: topic["partitions"] for topic in described if topic["topic"] in names}


async def _create(admin: AIOKafkaAdminClient, cluster: Cluster, name: str) -> None:
    replicas = cluster.replication_factor or -1
    configs = {"max.message.bytes": str(MAX_MESSAGE_BYTES), "cleanup.policy": "delete"}
    if replicas >= _SAFE_REPLICAS:
        configs["min.insync.replicas"] = str(_SAFE_IN_SYNC)
    # With an assignment, NewTopic accepts -1 replicas: the broker's default.
    assignment: dict[int, list[int]] | None = {} if replicas < 0 else None
    answer = await admin.create_topics([NewTopic(name, cluster.partitions, replicas, assignment, configs)])
    [(_, code, text, *_)] = answer.topic_errors
    error = for_code(code)
    if error is NoError or error is TopicAlreadyExistsError:
        return
    problem = f"kafka: topic {name} is missing and can't be made: {text or error.__name__}"
    raise BusyError(problem) if error.retriable else RefusedError(problem)


def _inspect(
    cluster: Cluster, partitions: Described, configs: Mapping[str, Mapping[str, str]], missing: Sequence[str]
) -> Topics:
    for name, config in configs.items():
        if "compact" in config["cleanup.policy"]:
            raise RefusedError(f"kafka: topic {name} is compacted, which loses reports: set cleanup.policy=delete")
    limits = [int(config["max.message.bytes"]) for config in configs.values()]
    return Topics(
        partitions={name: len(found) for name, found in partitions.items()},
        max_message_bytes=min(limits, default=_DEFAULT_MESSAGE_BYTES),
        warnings=[
            *(f"topic {name} is missing: the first start makes it" for name in missing),
            *(text for name in partitions for text in _warnings(name, cluster, partitions[name], configs)),
        ],
    )


async def _configs(admin: AIOKafkaAdminClient, names: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
    """Return the settings of each topic, without topics whose settings we may not read."""
    wanted = [ConfigResource(ConfigResourceType.TOPIC, name, dict.fromkeys(_CONFIGS)) for name in names]
    answers = await admin.describe_configs(wanted)
    return {
        name: {entry[0]: entry[1] for entry in entries}
        for answer in answers
        for code, _, _, name, entries in answer.resources
        if for_code(code) is NoError
    }


def _warnings(
    name: str,
    cluster: Cluster,
    partitions: Sequence[Mapping[str, Any]],
    configs: Mapping[str, Mapping[str, str]],
) -> Iterator[str]:
    if len(partitions) != cluster.partitions:
        yield f"topic {name} has {len(partitions)} partitions, not {cluster.partitions}: it is used as it is"
    replicas = min(len(partition["replicas"]) for partition in partitions)
    if replicas < _SAFE_REPLICAS:
        yield f"topic {name} has {replicas} of 3 replicas: reports can be lost with a broker's disk"
    elif name in configs and int(configs[name]["min.insync.replicas"]) < _SAFE_IN_SYNC:
        yield f"topic {name} confirms on one replica: set min.insync.replicas=2, or reports can be lost with a broker"
