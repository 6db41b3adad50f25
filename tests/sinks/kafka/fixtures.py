"""The fixtures that give tests a running Kafka; a test is skipped if Kafka can't be had on the machine."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sinks.kafka.broker import Broker
from tests.sinks.kafka.cluster import Cluster
from tests.sinks.kafka.fetch import KafkaMissingError, fetch
from tests.sinks.kafka.security import Security


def _broker(folder: Path, security: Security | None = None) -> Iterator[Broker]:
    _need_kafka()
    with Broker(folder / "broker", security=security) as broker:
        yield broker


def _need_kafka() -> None:
    try:
        fetch()
    except KafkaMissingError as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """
    Bootstrap servers of the broker that all tests share, or of the one in KAFKA_BOOTSTRAP_SERVERS.

    Tests use topics with names of their own, and leave the broker running.
    """
    if servers := os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        yield servers
    else:
        for broker in _broker(tmp_path_factory.mktemp("kafka")):
            yield broker.bootstrap


@pytest.fixture
def kafka_broker(tmp_path: Path) -> Iterator[Broker]:
    """A running broker for one test, to stop, kill or freeze."""
    yield from _broker(tmp_path / "kafka")


@pytest.fixture(scope="module")
def kafka_of_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A running broker for the tests of one module, which leave it running."""
    yield from _broker(tmp_path_factory.mktemp("kafka"))


@pytest.fixture
def kafka_cluster(tmp_path: Path) -> Iterator[Cluster]:
    """Three running brokers for one test: replication factor 3, min.insync.replicas 2."""
    _need_kafka()
    with Cluster(tmp_path / "kafka") as cluster:
        yield cluster


@pytest.fixture(scope="session")
def kafka_security(tmp_path_factory: pytest.TempPathFactory) -> Security:
    """Certificates, and the one user of the secured broker."""
    if shutil.which("openssl") is None:
        pytest.skip("certificates are made with openssl: none on the PATH")
    return Security(tmp_path_factory.mktemp("kafka") / "security")


@pytest.fixture(scope="session")
def kafka_secured(kafka_security: Security, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A running broker with the listeners SSL, SASL_PLAINTEXT and SASL_SSL beside the plain one."""
    yield from _broker(tmp_path_factory.mktemp("kafka"), kafka_security)
