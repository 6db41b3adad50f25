"""Migrations: applied once, in order, resumable, and never over what is not ours."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError

from sinks.clickhouse.migrate import Migration, migrate, migrations, rendered
from sinks.clickhouse.store import Store
from sinks.errors import RefusedError
from sinks.records import report_record
from sinks.stream import Topic
from tests.factories import make_report

LATER = """
-- A column more, in the table and in its view.
ALTER TABLE ${internal}.reports ${on_cluster} ADD COLUMN IF NOT EXISTS price UInt32;

CREATE OR REPLACE VIEW ${database}.prices ${on_cluster} AS
SELECT event_id, price FROM ${internal}.reports FINAL;
"""


def insert(store: Store, number: int) -> None:
    """Insert a report."""
    store.insert(Topic.REPORTS, [report_record(make_report(message_id=f"m{number}")).value])


def count(store: Store, view: str) -> object:
    """Count the rows of a view."""
    return store.client.command(f"SELECT count() FROM {store.database}.{view}")


@pytest.fixture
def later(tmp_path: Path) -> list[Migration]:
    """Return the migrations there are, and one that comes after them."""
    (tmp_path / "0002_prices.sql").write_text(LATER, encoding="utf-8")
    return [*migrations(), *migrations(tmp_path)]


def test_a_later_migration_is_applied_beside_traffic(store: Store, later: list[Migration]) -> None:
    """Rows that were stored before a migration, or between its statements, count after it; it is applied once."""
    insert(store, 1)
    first, *_ = rendered(later[-1], store)
    store.client.command(first)
    insert(store, 2)
    assert count(store, "reports") == 2
    assert migrate(store, wanted=later) == [later[-1]]
    insert(store, 3)
    assert [count(store, view) for view in ("reports", "prices", "messages")] == [3, 3, 3]
    assert migrate(store, wanted=later) == []


def test_a_migration_that_fails_half_way_is_resumed(store: Store, later: list[Migration]) -> None:
    """A migration of which a statement fails is not recorded, and is applied again as a whole."""
    broken = Migration(2, "0002_prices", LATER.replace("event_id, price", "event_id, cost"))
    with pytest.raises(ClickHouseError):
        migrate(store, wanted=[*migrations(), broken])
    assert migrate(store, wanted=later) == [later[-1]]


def test_nothing_is_sent_to_a_cluster_where_nothing_is_missing(store: Store) -> None:
    """A drain starts while its cluster can't be reached, as long as every migration was applied."""
    store.cluster = "absent"
    assert migrate(store) == []


@pytest.fixture
def old(engine: Store) -> Iterator[Store]:
    """Give a database with a table of version 0.1."""
    store = Store(engine.client, "test_old")
    store.client.command("CREATE DATABASE test_old")
    store.client.command("CREATE TABLE test_old.reports_store (event_id UUID) ENGINE = MergeTree ORDER BY event_id")
    yield store
    store.client.command("DROP DATABASE test_old")


def test_a_database_of_version_0_1_is_refused_untouched(old: Store) -> None:
    """A database of the old kind is told by name, and stays as it is."""
    with pytest.raises(RefusedError, match=r"test_old was made by dlrhub 0\.1"):
        migrate(old)
    assert old.client.command("SHOW TABLES FROM test_old") == "reports_store"


def test_every_table_and_column_that_is_shown_is_explained(store: Store) -> None:
    """Every table and view of both databases says what it is, and every column that an analyst sees what it holds."""
    databases = {"shown": store.database, "internal": store.internal}
    silent = store.client.query(
        "SELECT name FROM system.tables WHERE database IN ({shown:String}, {internal:String})"
        " AND comment = '' AND engine != 'MaterializedView'"
        " UNION ALL SELECT concat(table, '.', name) FROM system.columns WHERE database = {shown:String} AND comment = ''",
        parameters=databases,
    ).result_rows
    assert silent == []


def test_blocks_that_are_alike_are_both_inserted(store: Store) -> None:
    """ClickHouse's deduplication of inserted blocks is off, where a table has it too."""
    table = f"{store.internal}.inbound"
    store.client.command(f"ALTER TABLE {table} MODIFY SETTING non_replicated_deduplication_window = 100")
    store.client.command(f"SYSTEM STOP MERGES {table}")
    value = (
        b'{"event_id": "00000000-0000-0000-0000-000000000001", "provider": "cm", "received_at": "2026-11-20T12:00:00Z"}'
    )
    for _ in range(2):
        store.insert(Topic.INBOUND, [value])
    assert store.client.command(f"SELECT count() FROM {table}") == 2
