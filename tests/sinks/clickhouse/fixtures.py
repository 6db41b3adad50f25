"""Fixtures: the stores that tests run over."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import cast

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client

from sinks.clickhouse.migrate import migrate
from sinks.clickhouse.store import Store, open_embedded
from tests.sinks.clickhouse import sharding

_numbers = count()


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Open the embedded engine: once, since a process can have only one, so it is also the cluster of `sharded`."""
    folder = Path(tmp_path_factory.mktemp("engine"))
    store = open_embedded(folder, options=sharding.options(folder))
    yield store
    store.close()


@pytest.fixture
def store(engine: Store) -> Iterator[Store]:
    """Give each test a database of its own."""
    store = Store(engine.client, f"test_{next(_numbers)}")
    migrate(store)
    yield store
    for database in (store.database, store.internal):
        store.client.command(f"DROP DATABASE {database}")


@pytest.fixture
def sharded(engine: Store) -> Iterator[Store]:
    """Give a test a database of its own on a cluster of two shards (see `sharding`)."""
    path = engine.client.path  # type: ignore[attr-defined]
    client = clickhouse_connect.get_client(interface="chdb", path=path)
    database = f"test_{next(_numbers)}"
    store = Store(cast("Client", sharding.TwoShards(client, f"{database}_local")), database, cluster=sharding.CLUSTER)
    migrate(store)
    yield store
    for name in (store.database, store.internal, store.local):
        client.command(f"DROP DATABASE {name}")
    client.close()
