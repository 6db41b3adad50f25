"""While Kafka is away, reports are acknowledged from the spill, and none of them is lost."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from msgspec.structs import replace

from sinks.errors import BusyError
from sinks.journal.consumer import JournalConsumer, lag
from sinks.journal.writer import Journal
from sinks.kafka.cluster import Cluster
from sinks.kafka.spill import SpillingProducer
from sinks.kafka.topics import ensure_topics
from sinks.stream import Record, Topic
from tests.sinks.disks import full_disk
from tests.sinks.kafka.broker import Broker, free_ports
from tests.sinks.kafka.load import Load, messages_in, numbered, numbers_in
from tests.sinks.streams.fixtures import SpillNotes, make_cluster, open_spilling
from tests.waiting import until


@pytest.fixture
def cluster(kafka_of_module: Broker) -> Cluster:
    """Return the broker's settings, with topics of this test's own."""
    return make_cluster(kafka_of_module.bootstrap)


@pytest.fixture
def nowhere() -> Cluster:
    """Return the settings of a cluster that does not run."""
    [port] = free_ports(1)
    return make_cluster(f"127.0.0.1:{port}")


def watch_of(producer: SpillingProducer) -> SpillNotes:
    """Return the watch of a producer that `open_spilling` opened."""
    watch = producer._watch  # noqa: SLF001 - the tests' own
    assert isinstance(watch, SpillNotes)
    return watch


def journal_bytes(folder: Path) -> int:
    """Return how large the journals are."""
    return sum(path.stat().st_size for path in folder.glob("*/*.segment"))


async def emptied(producer: SpillingProducer, folder: Path) -> None:
    """Return once the spill is empty."""
    await until(lambda: watch_of(producer).depth == (0, 0.0) and lag(folder) == 0, seconds=60)


async def test_a_frozen_broker_costs_one_wait(kafka_of_module: Broker, cluster: Cluster, tmp_path: Path) -> None:
    """While the broker is frozen, only one group waits for the time-out; all records reach Kafka afterwards."""
    producer = await open_spilling(cluster, tmp_path, confirm_seconds=1)
    async with Load(producer) as load:
        await load.more(50)
        kafka_of_module.pause()
        await load.more(3000)
        waited, load.slowest_seconds = load.slowest_seconds, 0
        await load.more(500)
        records, oldest_seconds = watch_of(producer).depth
        assert records > 3000
        assert 0 < oldest_seconds < 30
        assert 0.9 < waited < 3
        assert load.slowest_seconds < 0.9
        kafka_of_module.resume()
        await until(lambda: watch_of(producer).told[-1] == "back", seconds=60)
        await load.more(50)
    await emptied(producer, tmp_path)
    await producer.close()
    assert set(load.acknowledged) <= set(await numbers_in(cluster))
    assert load.turned_away == 0
    assert watch_of(producer).told[4] == "away: kafka: no confirmation within 1 s"  # after a warning for each topic


async def test_a_killed_broker_loses_nothing(kafka_of_module: Broker, cluster: Cluster, tmp_path: Path) -> None:
    """After a broker was killed under load and started again, Kafka has every acknowledged record."""
    producer = await open_spilling(cluster, tmp_path, confirm_seconds=1)
    async with Load(producer) as load:
        await load.more(300)
        await asyncio.to_thread(kafka_of_module.kill)
        await load.more(1000)
        assert watch_of(producer).depth[0] > 0
        await asyncio.to_thread(kafka_of_module.start)
        await until(lambda: watch_of(producer).told[-1] == "back", seconds=60)
    await emptied(producer, tmp_path)
    await producer.close()
    assert set(load.acknowledged) <= set(await numbers_in(cluster))
    assert load.turned_away == 0


async def test_a_spill_is_published_in_its_order(kafka_of_module: Broker, cluster: Cluster, tmp_path: Path) -> None:
    """Spilled records reach each partition in the order in which they were acknowledged."""
    producer = await open_spilling(cluster, tmp_path, confirm_seconds=0.3)
    kafka_of_module.pause()
    for number in range(0, 300, 3):
        await producer.append([numbered(number + step) for step in range(3)])
    kafka_of_module.resume()
    await emptied(producer, tmp_path)
    await producer.close()
    messages = await messages_in(cluster)
    for partition in range(3):
        numbers = [orjson.loads(message.value)["number"] for message in messages if message.partition == partition]
        first_seen = list(dict.fromkeys(numbers))
        assert first_seen == sorted(first_seen)
    assert {orjson.loads(message.value)["number"] for message in messages} == set(range(300))


async def test_a_spill_survives_a_killed_process(kafka: str, tmp_path: Path) -> None:
    """Records that a killed process had acknowledged from its spill are published by the next process."""
    script = """
import asyncio, sys
from pathlib import Path
from tests.sinks.kafka.load import numbered
from tests.sinks.streams.fixtures import make_cluster, open_spilling

async def main():
    producer = await open_spilling(make_cluster("127.0.0.1:1"), Path(sys.argv[1]))
    for number in range(10**6):
        await producer.append([numbered(number)])
        print(number, flush=True)

asyncio.run(main())
"""
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as child:
        assert child.stdout is not None
        lines = [await asyncio.to_thread(child.stdout.readline) for _ in range(200)]
        child.send_signal(signal.SIGKILL)
        lines += child.stdout.readlines()
    acknowledged = {int(line) for line in lines if line.endswith(b"\n")}
    cluster = make_cluster(kafka)
    producer = await open_spilling(cluster, tmp_path)
    await emptied(producer, tmp_path)
    await producer.close()
    assert acknowledged <= set(await numbers_in(cluster))
    assert len(acknowledged) >= 200


async def test_one_process_publishes_the_journals_of_others(kafka: str, nowhere: Cluster, tmp_path: Path) -> None:
    """After a restart with fewer workers all journals are published, except those whose process is running."""
    for number in range(2):
        stopped = await open_spilling(nowhere, tmp_path, name=f"receiver-{number}")
        await stopped.append([numbered(number)])
        await stopped.close()
    living = Journal(tmp_path / "receiver-2")
    await living.append([numbered(2)])
    cluster = make_cluster(kafka)
    alone = await open_spilling(cluster, tmp_path, name="receiver-3")
    await until(lambda: lag(tmp_path) == 1)
    assert sorted(await numbers_in(cluster)) == [0, 1]
    await living.close()
    await emptied(alone, tmp_path)
    await alone.close()
    assert sorted(await numbers_in(cluster)) == [0, 1, 2]


async def test_a_journal_from_before_kafka_is_published(kafka: str, tmp_path: Path) -> None:
    """Reports that were acknowledged before the settings named Kafka are published once they do."""
    journal = Journal(tmp_path / "receiver-0")
    await journal.append([numbered(1), numbered(2)])
    await journal.close()
    cluster = make_cluster(kafka)
    producer = await open_spilling(cluster, tmp_path)
    await emptied(producer, tmp_path)
    await producer.close()
    assert sorted(await numbers_in(cluster)) == [1, 2]


async def test_a_spill_is_drained_without_kafka(nowhere: Cluster, tmp_path: Path) -> None:
    """If the settings no longer name Kafka, the drain reads spilled reports from the journal."""
    producer = await open_spilling(nowhere, tmp_path)
    await producer.append([numbered(1)])
    assert watch_of(producer).depth[0] == 1
    await producer.close()
    consumer = JournalConsumer(tmp_path)
    batch = await consumer.read(most=10, wait_seconds=0)
    assert list(batch.records) == [numbered(1)]
    await consumer.close()


async def test_a_kafka_that_is_away_at_the_start_is_no_obstacle(nowhere: Cluster, tmp_path: Path) -> None:
    """A producer starts, acknowledges and stops within seconds while Kafka can't be reached."""
    clock = asyncio.get_running_loop().time
    started = clock()
    producer = await open_spilling(nowhere, tmp_path)
    await producer.append([numbered(1)])
    await producer.close()
    assert clock() - started < 3
    assert lag(tmp_path) == 1


async def test_a_published_spill_is_deleted(kafka_of_module: Broker, cluster: Cluster, tmp_path: Path) -> None:
    """Segments whose records Kafka has are deleted, except the one that is written to."""
    producer = await open_spilling(cluster, tmp_path, confirm_seconds=0.3, segment_bytes=1000)
    kafka_of_module.pause()
    for number in range(0, 1000, 50):
        await producer.append([numbered(number + step) for step in range(50)])
    assert journal_bytes(tmp_path) > 6000
    assert watch_of(producer).depth[0] == 1000
    kafka_of_module.resume()
    await emptied(producer, tmp_path)
    await until(lambda: journal_bytes(tmp_path) < 3000)
    await producer.close()
    assert set(await numbers_in(cluster)) == set(range(1000))


async def test_a_record_that_kafka_never_takes_is_set_aside(kafka: str, tmp_path: Path) -> None:
    """A record over the topic's limit is kept aside with a dead letter, delays no other, and can be published later."""
    cluster = make_cluster(kafka)
    await set_limit(cluster, 50_000)
    producer = await open_spilling(cluster, tmp_path)
    value = b'{"number": 7, "raw": "' + b"x" * 60_000 + b'"}'
    await producer.append([numbered(1), Record(Topic.REPORTS, "m-7", "cm", value), numbered(2)])
    await producer.append([numbered(3)])
    await emptied(producer, tmp_path)
    assert set(await numbers_in(cluster)) == {1, 2, 3}
    [letter] = [orjson.loads(message.value) for message in await messages_in(cluster, Topic.DEAD_LETTERS)]
    assert (letter["provider"], letter["why"], letter["location"]) == ("cm", "refused_by_store", "reports")
    assert letter["body"] == value[:4096].decode()
    assert "more than the topic takes" in letter["detail"]
    assert any(line.startswith("refused: reports") for line in watch_of(producer).told)
    await producer.close()

    await set_limit(cluster, 100_000)
    producer = await open_spilling(cluster, tmp_path)
    [kept] = tmp_path.with_name(f"{tmp_path.name}-refused").iterdir()
    kept.rename(tmp_path / kept.name)  # as an operator would
    await emptied(producer, tmp_path)
    await producer.close()
    assert set(await numbers_in(cluster)) == {1, 2, 3, 7}


async def set_limit(cluster: Cluster, max_message_bytes: int) -> None:
    """Set the largest message of all topics."""
    await ensure_topics(cluster)
    admin = AIOKafkaAdminClient(**cluster.options())
    await admin.start()
    limit = {"max.message.bytes": str(max_message_bytes)}
    await admin.alter_configs(
        [ConfigResource(ConfigResourceType.TOPIC, cluster.topic_name(topic), limit) for topic in Topic]
    )
    await admin.close()


async def test_a_full_disk_is_busy_and_never_a_false_acknowledgement(
    kafka_of_module: Broker, cluster: Cluster, tmp_path: Path
) -> None:
    """With Kafka away and a full disk nothing is acknowledged; earlier records are kept, and later ones taken again."""
    producer = await open_spilling(cluster, tmp_path, confirm_seconds=0.3)
    kafka_of_module.pause()
    acknowledged = []
    with full_disk(300_000):
        for number in range(1000):
            record = numbered(number)
            try:
                await producer.append(
                    [replace(record, value=record.value[:-1] + b', "x": "%s"}' % os.urandom(2500).hex().encode())]
                )
            except BusyError:
                break
            acknowledged.append(number)
    assert 0 < len(acknowledged) < 100
    await producer.append([numbered(5000)])
    kafka_of_module.resume()
    await emptied(producer, tmp_path)
    await producer.close()
    assert {*acknowledged, 5000} <= set(await numbers_in(cluster))


async def test_a_restart_on_a_full_disk_publishes_what_was_spilled(
    kafka: str, nowhere: Cluster, tmp_path: Path
) -> None:
    """A process that starts on a full disk publishes its spill to Kafka, and takes records meanwhile."""
    before = await open_spilling(nowhere, tmp_path)
    await before.append([numbered(number) for number in range(100)])
    await before.close()
    cluster = make_cluster(kafka)
    with full_disk(200):  # the cursor can be overwritten, but no new file can be written
        producer = await open_spilling(cluster, tmp_path)
        await emptied(producer, tmp_path)
        await producer.append([numbered(100)])
        await until(lambda: journal_bytes(tmp_path) == 0)
        await producer.close()
    assert sorted(await numbers_in(cluster)) == list(range(101))
