"""A cluster of two shards, which one process stands in for (see `sharding`): its tables, views and inserts."""

import random
import re
from datetime import timedelta
from types import SimpleNamespace
from typing import Final, cast

import pytest
from clickhouse_connect.driver.client import Client

from normalizers.code_rows import CodeRow
from sinks.clickhouse.erasure import erase
from sinks.clickhouse.migrate import migrate, migrations, rendered
from sinks.clickhouse.pending import Window, read_page
from sinks.clickhouse.retention import apply_retention
from sinks.clickhouse.store import Store
from sinks.stream import Topic
from tests.deploy.queries.test_bounds import ASKED, NOW, parameters
from tests.factories import NOON, make_report, make_submission
from tests.sinks.clickhouse.asking import ask_of
from tests.sinks.clickhouse.oracle import Oracle, Traffic
from tests.sinks.clickhouse.test_exact import check, insert, merge


def shards_of(store: Store, table: str) -> set[int]:
    """Return the shards that show rows of a table."""
    return {
        row[0] for row in store.client.query(f"SELECT DISTINCT shardNum() FROM {store.internal}.{table}").result_rows
    }


@pytest.mark.parametrize("seed", range(2))
def test_random_traffic_is_counted_exactly_on_two_shards(sharded: Store, seed: int) -> None:
    """On two shards, every view gives what the oracle says after every insert, merged or not."""
    chance = random.Random(seed)  # noqa: S311 - an order, not a secret
    oracle, traffic = Oracle(), Traffic(seed)
    for _ in range(6):
        insert(sharded, oracle, traffic, chance.randrange(10, 30))
        merge(sharded, chance)
        check(sharded, oracle)
    assert shards_of(sharded, "reports") == shards_of(sharded, "messages") == {1, 2}


def test_rows_of_a_message_are_on_one_shard(sharded: Store) -> None:
    """The tables of reports, submissions and messages are distributed by one key, the others by their identity."""
    found = sharded.client.query(
        "SELECT name, extract(engine_full, '(?:, ([^,]*))?\\\\)$') FROM system.tables"
        f" WHERE database = '{sharded.internal}' AND engine = 'Distributed'"
    ).result_rows
    by_message = (
        "message_homes",
        "messages",
        "reports",
        "reports_to_messages",
        "submissions",
        "submissions_to_messages",
    )
    assert {str(name): str(key) for name, key in found} == {
        **dict.fromkeys(by_message, "message_key"),
        "inbound": "cityHash64(event_id)",
        "dead_letters": "cityHash64(id)",
        "submissions_lately": "'submissions_lately'",  # nothing is inserted through it
    }


def test_the_statements_for_a_cluster_can_be_parsed(sharded: Store, engine: Store) -> None:
    """The engine's parser takes every statement as it is sent to a cluster, and each is sent to every server."""
    statements = [sql for migration in migrations() for sql in rendered(migration, sharded)]
    assert all(f"ON CLUSTER '{sharded.cluster}'" in sql for sql in statements)
    for sql in statements:
        engine.client.command(f"EXPLAIN AST {sql}")


def answers(store: Store) -> dict[str, list[str]]:
    """Ask every saved question and every query of the page; which ids are shown as examples is left open."""
    store.client.command(f"USE {store.database}")
    found = {name: store.client.query(sql, parameters=parameters(sql)).result_rows for name, sql in ASKED.items()}
    return {name: sorted(re.sub(r"\['.*?'\]", "", str(row)) for row in rows) for name, rows in found.items()}


def test_questions_have_the_same_answers_on_two_shards(store: Store, sharded: Store) -> None:
    """Saved questions and queries of the page don't depend on how many shards there are."""
    for each in (store, sharded):
        traffic = Traffic(3)
        for _ in range(3):
            insert(each, Oracle(), traffic, 40)
        lately = NOW - timedelta(hours=1)
        each.insert(Topic.REPORTS, [make_report(message_id=f"n{number}", received_at=lately) for number in range(30)])
    alone = answers(store)
    assert sum(map(bool, alone.values())) > len(alone) / 2
    assert answers(sharded) == alone


async def test_pollers_read_over_two_shards(sharded: Store) -> None:
    """A poller finds the submissions of an account, and which of them have a final report, on whichever shard they are."""
    sharded.insert(Topic.SUBMISSIONS, [make_submission(message_id=f"m{number}") for number in range(20)])
    sharded.insert(Topic.REPORTS, [make_report(message_id=f"m{number}") for number in range(10)])
    start = int(NOON.timestamp()) * 1_000_000
    window = Window(start=start - 1, end=start + 1)
    found = await read_page(ask_of(sharded), "cm", "default", window, None, 100)
    assert {message.position.message_id: message.final for message in found} == {
        f"m{number}": number < 10 for number in range(20)
    }


def test_migrating_and_retention_touch_the_storage_tables(sharded: Store) -> None:
    """Migrating again does nothing; retention is set on the tables that hold the rows."""
    assert migrate(sharded) == []
    kept = dict.fromkeys(Topic, 30)
    assert apply_retention(sharded, kept) != []
    assert apply_retention(sharded, kept) == []


class RecordingClient:
    """Notes statements; says that every table has a row that is asked for, and that no old file is left."""

    server_settings: Final[dict[str, object]] = {}

    def __init__(self) -> None:
        """Begin with no statement."""
        self.changes: list[str] = []

    def command(self, sql: str, **_: object) -> int:
        """Note a change, and answer a question."""
        if sql.startswith("ALTER"):
            self.changes.append(sql)
        return int("FROM x_store." in sql and not sql.endswith("WHERE 0"))

    def query(self, _: str) -> SimpleNamespace:
        """Name a table whose setting has to be changed back."""
        return SimpleNamespace(result_rows=[("reports",)])


def test_an_erasure_reaches_every_server(engine: Store) -> None:
    """Every change of an erasure is made to the storage tables of all servers, and the engine's parser takes it."""
    client = RecordingClient()
    erase(Store(cast("Client", client), "x", cluster="main"), "+8618688888888", ["+8618688888888"])
    assert {sql.split()[6] for sql in client.changes} == {"MODIFY", "DELETE", "UPDATE"}
    for sql in client.changes:
        assert re.match(r"ALTER TABLE x_local\.\w+ ON CLUSTER 'main' ", sql)
        engine.client.command(f"EXPLAIN AST {sql}")


def test_the_codes_are_replaced_on_a_cluster(sharded: Store) -> None:
    """The table of codes holds what was written last."""
    row = dict.fromkeys(CodeRow.__struct_fields__, "x")
    for _ in range(2):
        sharded.replace_codes([row])
    assert sharded.client.command(f"SELECT count() FROM {sharded.database}.codes") == 1
