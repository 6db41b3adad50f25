"""`dlrhub check` tries Kafka and the store."""

import pytest

from ingest.commands.check import check
from ingest.settings.settings import ClickHouseSettings, KafkaSettings, Settings
from sinks.kafka.topics import ensure_topics
from tests.sinks.kafka.broker import free_ports
from tests.sinks.streams.fixtures import make_cluster


def settings(**sections: object) -> Settings:
    """Return settings with these sections."""
    return Settings.model_validate(sections)


async def test_a_kafka_that_answers_is_found(kafka: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A check reports that Kafka answers and that topics are missing, and does not make them."""
    cluster = make_cluster(kafka)
    found = await check(
        settings(kafka=KafkaSettings(bootstrap_servers=kafka, topic_prefix=cluster.topic_prefix, partitions=3))
    )
    assert found == 0
    assert "is missing: the first start makes it" in " ".join(capsys.readouterr().out.split())
    assert (await ensure_topics(cluster, make=False)).partitions == {}


async def test_an_unreachable_server_is_a_fault(capsys: pytest.CaptureFixture[str]) -> None:
    """A check fails if Kafka or ClickHouse can't be reached, and does not show the password."""
    kafka, server = free_ports(2)
    found = await check(
        settings(
            kafka=KafkaSettings(bootstrap_servers=f"127.0.0.1:{kafka}"),
            clickhouse=ClickHouseSettings.model_validate({"url": f"http://dlrhub:secret-word@127.0.0.1:{server}"}),
        )
    )
    shown = " ".join(capsys.readouterr().out.split())
    assert found == 1
    assert "no server can be reached" in shown
    assert f"http://127.0.0.1:{server}" in shown
    assert "secret-word" not in shown
