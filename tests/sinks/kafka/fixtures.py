"""The fixtures that hand a running Kafka to tests; `broker.py` says what each is for."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sinks.kafka.broker import Broker
from tests.sinks.kafka.cluster import Cluster
from tests.sinks.kafka.fetch import KafkaMissingError, fetch
from tests.sinks.kafka.security import Security


def _need_kafka() -> None:
    try:
        fetch()
    except KafkaMissingError as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Bootstrap servers of the broker that all tests share."""
    if servers := os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        yield servers
        return
    _need_kafka()
    with Broker(tmp_path_factory.mktemp("kafka") / "broker") as broker:
        yield broker.bootstrap


@pytest.fixture
def kafka_broker(tmp_path: Path) -> Iterator[Broker]:
    """A running broker of this test's own."""
    _need_kafka()
    with Broker(tmp_path / "kafka") as broker:
        yield broker


@pytest.fixture(scope="module")
def kafka_of_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A running broker of this module's own."""
    _need_kafka()
    with Broker(tmp_path_factory.mktemp("kafka") / "broker") as broker:
        yield broker


@pytest.fixture
def kafka_cluster(tmp_path: Path) -> Iterator[Cluster]:
    """Three running brokers of this test's own."""
    _need_kafka()
    with Cluster(tmp_path / "kafka") as cluster:
        yield cluster


@pytest.fixture(scope="session")
def kafka_security(tmp_path_factory: pytest.TempPathFactory) -> Security:
    """Certificates, and the user that the secured broker knows."""
    if shutil.which("openssl") is None:
        pytest.skip("certificates are made with openssl: none on the PATH")
    return Security(tmp_path_factory.mktemp("kafka") / "security")


@pytest.fixture(scope="session")
def kafka_secured(kafka_security: Security, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A running broker with the listeners SSL, SASL_PLAINTEXT and SASL_SSL beside the plain one."""
    _need_kafka()
    with Broker(tmp_path_factory.mktemp("kafka") / "secured", security=kafka_security) as broker:
        yield broker
