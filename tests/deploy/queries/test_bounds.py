"""Every saved question and every query of the status page reads by an index, so that none slows down with old rows."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from ingest.page import queries
from sinks.clickhouse.migrate import migrate
from sinks.clickhouse.store import Store
from sinks.rows import check
from sinks.stream import Topic
from tests.deploy.queries.test_queries import QUERIES
from tests.factories import make_letter, make_report, make_submission

NOW = datetime.now(UTC)
_BOUNDS = re.compile(r"Name: \w*(?:received_at|submitted_at)_range|Keys:\s+id\s")
#: Values for the parameters of the page's queries, by type; times are those of the last day.
_VALUES = {"Int64": int(NOW.timestamp() * 1000), "UInt16": 10, "String": "x", "Array(String)": ["x"]}
_NAMED = {"provider": "cm", "account": "default"}
_EARLIER = ("since", "before", "newest", "past", "oldest")


def asked() -> Iterator[tuple[str, str]]:
    """Yield the names and the SQL of the queries."""
    for path in sorted(QUERIES.glob("*.sql")):
        yield path.stem, path.read_text("utf-8").replace("dlr.", "")
    for name, sql in vars(queries).items():
        if isinstance(sql, str) and sql.lstrip().startswith("SELECT"):
            yield f"page: {name}", sql


def parameters(sql: str) -> dict[str, object]:
    """Return values for a query's parameters."""
    found = dict(re.findall(r"\{(\w+):([^}]+)\}", sql))
    day = int(timedelta(days=1).total_seconds() * 1000)
    values = {name: _NAMED.get(name, _VALUES[kind]) for name, kind in found.items()}
    return values | {name: values[name] - day for name in _EARLIER if isinstance(values.get(name), int)}  # type: ignore[operator]


@pytest.fixture(scope="module")
def filled(engine: Store) -> Iterator[Store]:
    """Return a store with a row in every table."""
    store = Store(engine.client, "bounds")
    migrate(store)
    store.insert(Topic.REPORTS, [make_report(received_at=NOW)])
    store.insert(Topic.SUBMISSIONS, [make_submission(submitted_at=NOW)])
    store.insert(Topic.DEAD_LETTERS, [check(Topic.DEAD_LETTERS, make_letter(received_at=NOW).value)])
    yield store
    for database in (store.database, store.internal):
        store.client.command(f"DROP DATABASE {database}")


ASKED: Final = dict(asked())


@pytest.mark.parametrize("name", ASKED)
def test_a_query_reads_by_an_index_of_time_or_id(filled: Store, name: str) -> None:
    """Each table that a query reads is narrowed by an index of a time or of an id."""
    sql = ASKED[name]
    filled.client.command(f"USE {filled.database}")
    rows = filled.client.query(f"EXPLAIN indexes = 1 {sql}", parameters=parameters(sql)).result_rows
    plan = "\n".join(line for (line,) in rows)
    _, *reads = re.split(r"\bReadFromMergeTree", plan)
    assert reads, plan
    assert [read for read in reads if not _BOUNDS.search(read)] == [], name


@pytest.mark.parametrize("column", ["first_received_at", "last_received_at", "submitted_at"])
def test_a_message_without_the_time_that_is_asked_for_is_not_read(store: Store, column: str) -> None:
    """Old messages that were never reported, never submitted, or reported again lately, are not read for the last day."""
    for days in (40, 0):
        at = NOW - timedelta(days=days)
        store.insert(Topic.REPORTS, [make_report(message_id=f"reported {days}", received_at=at)])
        sent = make_submission(message_id=f"sent {days}", received_at=at, submitted_at=at)
        store.insert(Topic.SUBMISSIONS, [sent])
    if column == "first_received_at":
        copy = make_report(message_id="reported 40", received_at=NOW)
        store.insert(Topic.REPORTS, [copy])
    since = f"{column} >= '{NOW - timedelta(days=1):%F %T}'"
    assert store.client.command(f"SELECT count() FROM {store.database}.messages WHERE {since}") == 1
    rows = store.client.query(f"EXPLAIN indexes = 1 SELECT * FROM {store.database}.messages WHERE {since}").result_rows
    assert any("Parts: 1 | Granules: 1" in line for (line,) in rows), rows
