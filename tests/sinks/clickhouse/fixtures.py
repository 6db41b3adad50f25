"""Fixtures: the stores that tests run over."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from sinks.clickhouse.migrate import migrate
from sinks.clickhouse.store import Store, open_embedded

_numbers = count()


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Open the embedded engine: once, since a process can have only one."""
    store = open_embedded(Path(tmp_path_factory.mktemp("engine")))
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
