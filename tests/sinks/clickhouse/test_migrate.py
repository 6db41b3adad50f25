"""Migrations: applied once, in order, resumable, under live traffic, and never over what is not ours."""

import secrets
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import clickhouse_connect
import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError

from sinks.clickhouse.migrate import migrate, rendered
from sinks.clickhouse.store import Store, open_server
from sinks.errors import RefusedError
from sinks.stream import Topic
from tests.factories import make_inbound
from tests.ingest.query.fixtures import QueryServer, writable_server
from tests.sinks.clickhouse.later import LATER, WANTED, assert_exact, insert

__all__ = ["writable_server"]


@pytest.fixture(params=["store", "sharded"])
def either(request: pytest.FixtureRequest) -> Store:
    """Return a store in one database, and one on two shards."""
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


def test_the_store_is_exact_between_the_statements_of_a_migration(either: Store) -> None:
    """Rows that were stored before a migration, or between its statements, count at once, and in what it adds."""
    insert(either, 0)
    statements = rendered(LATER, either)
    for number, statement in enumerate(statements, 1):
        either.client.command(statement)
        insert(either, number)
        assert_exact(either, range(number + 1), "reports", "messages")
    assert_exact(either, range(len(statements) + 1), "sizes")
    assert migrate(either, wanted=WANTED) == [LATER]
    assert migrate(either, wanted=WANTED) == []
    assert_exact(either, range(len(statements) + 1), "reports", "messages", "sizes")


def test_the_statements_of_a_later_migration_can_be_parsed(sharded: Store, engine: Store) -> None:
    """The engine's parser takes a later migration in a cluster's form; all but the copying runs on every server."""
    for sql in rendered(LATER, sharded):
        engine.client.command(f"EXPLAIN AST {sql}")
        assert sql.startswith("INSERT") != ("ON CLUSTER 'two_shards'" in sql)


def test_an_insert_that_began_before_a_migration_is_in_what_it_adds(store: Store) -> None:
    """A migration copies what is stored only once inserts have ended that don't feed its new views."""
    insert(store, 0)
    slow = clickhouse_connect.get_client(interface="chdb", path=store.client.path)  # type: ignore[attr-defined]
    again = f"INSERT INTO {store.internal}.reports SELECT * REPLACE ('m1' AS message_id, 'x' AS raw)"
    with ThreadPoolExecutor(1) as threads:
        inserting = threads.submit(slow.command, f"{again} FROM {store.internal}.reports WHERE sleep(2) = 0")
        running = "SELECT count() FROM system.processes WHERE query_kind = 'Insert'"
        while not store.client.command(running):
            assert not inserting.done()
        migrate(store, wanted=WANTED)
        inserting.result()
    slow.close()
    assert_exact(store, range(2), "sizes")


def killed(folder: Path, count: int, after: int) -> bool:
    """Migrate in a process of its own, and kill it after so many statements; False if it was done by then."""
    command = [sys.executable, "-m", "tests.sinks.clickhouse.later", str(folder), str(count)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(after)]
        if "done\n" in told:
            return False
        assert all(told), "it failed"
        process.kill()
        return True


def test_a_migration_is_resumed_after_a_kill(tmp_path: Path) -> None:
    """A migration that is killed again and again, after any of its statements, is applied as a whole in the end."""
    for after in range(5, 50, 2):
        if not killed(tmp_path, after, after):
            assert after > 5 + len(LATER.sql.split(";\n")) // 2
            return
    pytest.fail("it never ends")


def test_drains_that_start_at_once_all_migrate(writable_server: QueryServer) -> None:
    """Several drains that find the same migration missing apply it while others insert, and the store is exact."""
    url, database = f"http://127.0.0.1:{writable_server.port}", f"t{secrets.token_hex(4)}"
    store = open_server(url, database)
    migrate(store)

    def drain(first: int) -> None:
        store = open_server(url, database)
        for number in range(first, first + 10):
            insert(store, number)
            if number == first + 5:
                migrate(store, wanted=WANTED)
        store.close()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(drain, range(0, 40, 10)))
    assert migrate(store, wanted=WANTED) == []
    assert_exact(store, range(40), "reports", "messages", "sizes")
    store.close()


def test_a_migration_that_fails_half_way_is_resumed(store: Store) -> None:
    """A migration of which a statement fails is not recorded, and is applied again as a whole."""
    broken = replace(LATER, sql=LATER.sql.replace("size AS longest", "weight AS longest"))
    with pytest.raises(ClickHouseError):
        migrate(store, wanted=[*WANTED[:-1], broken])
    assert migrate(store, wanted=WANTED) == [LATER]


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
    for _ in range(2):
        store.insert(Topic.INBOUND, [make_inbound()])
    assert store.client.command(f"SELECT count() FROM {table}") == 2
