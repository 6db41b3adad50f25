"""Topics are made or checked at the start, and the error about an unsuitable one says what to change."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from sinks.errors import BusyError, RefusedError
from sinks.kafka.topics import MAX_MESSAGE_BYTES, ensure_topics
from sinks.stream import Topic
from tests.sinks.kafka.broker import Broker
from tests.sinks.kafka.security import Security
from tests.sinks.streams.fixtures import make_cluster, make_secured_cluster


async def _create(bootstrap: str, name: str, partitions: int, **configs: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(name, partitions, 1, topic_configs=configs)])
    await admin.close()


async def test_missing_topics_are_made(kafka: str) -> None:
    """Missing topics are made as the settings say; a second start finds them unchanged."""
    cluster = make_cluster(kafka, partitions=5)
    before = await ensure_topics(cluster, make=False)
    assert before.partitions == {}
    assert f"topic {cluster.topic_name(Topic.REPORTS)} is missing: the first start makes it" in before.warnings
    made = await ensure_topics(cluster)
    assert made.partitions == {cluster.topic_name(topic): 5 for topic in Topic}
    assert made.max_message_bytes == MAX_MESSAGE_BYTES
    assert await ensure_topics(cluster) == made


async def test_topics_can_be_made_by_many_at_once(kafka: str) -> None:
    """Processes that start at the same time don't fail over each other's topics."""
    cluster = make_cluster(kafka)
    found = await asyncio.gather(*(ensure_topics(cluster) for _ in range(4)))
    assert {tuple(sorted(each.partitions.items())) for each in found} == {
        tuple(sorted((cluster.topic_name(topic), 3) for topic in Topic))
    }


async def test_an_existing_topic_is_not_changed(kafka: str) -> None:
    """A topic with other partitions and limits is used as it is, and a warning names the difference."""
    cluster = make_cluster(kafka)
    name = cluster.topic_name(Topic.REPORTS)
    await _create(kafka, name, 2, **{"max.message.bytes": "100000"})
    topics = await ensure_topics(cluster)
    assert topics.partitions[name] == 2
    assert topics.max_message_bytes == 100_000
    assert f"topic {name} has 2 partitions, not 3: it is used as it is" in topics.warnings


async def test_few_replicas_are_warned_of(kafka: str) -> None:
    """A warning names each topic that would be lost with one broker's disk."""
    cluster = make_cluster(kafka)
    warnings = " ".join((await ensure_topics(cluster)).warnings)
    assert all(f"topic {cluster.topic_name(topic)} has 1 of 3 replicas" in warnings for topic in Topic)


async def test_a_compacted_topic_is_refused(kafka: str) -> None:
    """A compacted topic, which keeps only the last record of a key, stops the start."""
    cluster = make_cluster(kafka)
    await _create(kafka, cluster.topic_name(Topic.INBOUND), 1, **{"cleanup.policy": "compact"})
    with pytest.raises(RefusedError, match=r"inbound is compacted, which loses reports: set cleanup.policy=delete"):
        await ensure_topics(cluster)


async def test_more_replicas_than_brokers_are_refused(kafka: str) -> None:
    """A replication factor that can't be had stops the start, with the broker's reason."""
    with pytest.raises(RefusedError, match=r"reports is missing and can't be made: .*replication factor of 3"):
        await ensure_topics(make_cluster(kafka, replication_factor=3))


async def test_a_kafka_that_is_away_is_busy() -> None:
    """Servers that can't be reached are named, each with its reason."""
    with pytest.raises(BusyError, match=r"no server can be reached \(127.0.0.1:1: .*; 127.0.0.1:2: .*\)"):
        await ensure_topics(make_cluster("127.0.0.1:1,127.0.0.1:2"))


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_a_wrong_password_is_refused(kafka_secured: Broker, kafka_security: Security, mechanism: str) -> None:
    """A password that Kafka does not know stops the start, and is not repeated."""
    right = make_secured_cluster(kafka_secured, kafka_security, mechanism)
    wrong = replace(right, sasl_password="not-the-password")
    with pytest.raises(RefusedError, match="does not let us in") as refused:
        await ensure_topics(wrong)
    assert "not-the-password" not in f"{refused.value} {wrong}"
    await ensure_topics(right)


async def test_an_untrusted_certificate_is_refused(kafka_secured: Broker) -> None:
    """A broker whose certificate the settings don't trust stops the start."""
    with pytest.raises(RefusedError, match=r"does not let us in: .*CERTIFICATE_VERIFY_FAILED"):
        await ensure_topics(make_cluster(kafka_secured.address("SSL"), security_protocol="SSL"))


async def test_a_client_certificate_lets_in(kafka_secured: Broker, kafka_security: Security) -> None:
    """With the client certificate of the settings the broker lets us in."""
    certificate, key = kafka_security.client_certificate
    cluster = make_cluster(
        kafka_secured.address("SSL"),
        security_protocol="SSL",
        ssl_cafile=kafka_security.ca_file,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )
    assert len((await ensure_topics(cluster)).partitions) == len(Topic)


async def test_a_tls_file_that_is_missing_is_refused() -> None:
    """A TLS file that can't be read stops the start."""
    cluster = make_cluster("127.0.0.1:1", security_protocol="SSL", ssl_cafile=Path("/nowhere/ca.pem"))
    with pytest.raises(RefusedError, match="the TLS files can't be used"):
        await ensure_topics(cluster)
