"""How long rows are kept."""

from datetime import UTC, datetime, timedelta

from sinks.clickhouse.retention import apply_retention
from sinks.clickhouse.store import TABLES, Store
from sinks.stream import Topic
from tests.factories import make_report


def keep(days: int) -> dict[Topic, int]:
    """Keep everything for so many days."""
    return dict.fromkeys(Topic, days)


def message_ids(store: Store) -> set[str]:
    """Merge, and tell whose reports are left."""
    store.client.command(f"OPTIMIZE TABLE {store.internal}.reports FINAL")
    return {row[0] for row in store.client.query(f"SELECT message_id FROM {store.database}.reports").result_rows}


def test_rows_are_kept_as_long_as_the_settings_say(store: Store) -> None:
    """A report is dropped when its receipt is longer ago than the retention, and never without one."""
    now = datetime.now(UTC)
    for age in (1, 40):
        report = make_report(message_id=f"{age} days old", received_at=now - timedelta(days=age))
        store.insert(Topic.REPORTS, [report])
    assert message_ids(store) == {"1 days old", "40 days old"}
    apply_retention(store, keep(30))
    assert message_ids(store) == {"1 days old"}
    store.client.command(f"OPTIMIZE TABLE {store.internal}.messages FINAL")
    assert store.client.command(f"SELECT message_id FROM {store.database}.messages") == "1 days old"


def test_the_retention_is_set_where_it_differs(store: Store) -> None:
    """Setting the retention that a table has changes nothing; another one, or none, does."""
    tables = [*TABLES.values(), "messages", "message_homes"]
    assert apply_retention(store, keep(0)) == []
    assert apply_retention(store, keep(30)) == tables
    assert apply_retention(store, keep(30)) == []
    assert apply_retention(store, keep(90)) == tables
    assert apply_retention(store, keep(0)) == tables
    assert apply_retention(store, keep(0)) == []


def test_an_operators_own_ttl_stays(store: Store) -> None:
    """A TTL that is not ours is left alone where the settings have no retention."""
    table = f"{store.internal}.reports"
    store.client.command(f"ALTER TABLE {table} MODIFY TTL toDateTime(received_at) + toIntervalMonth(2)")
    assert apply_retention(store, keep(0)) == []
    assert "toIntervalMonth(2)" in str(store.client.command(f"SHOW CREATE TABLE {table}"))


def test_each_topic_has_a_retention_of_its_own(store: Store) -> None:
    """Messages are kept as long as what they are made of: for ever where reports or submissions are."""
    assert apply_retention(store, keep(0) | {Topic.REPORTS: 30}) == ["reports"]
    changed = apply_retention(store, keep(0) | {Topic.REPORTS: 30, Topic.SUBMISSIONS: 60})
    assert changed == ["submissions", "messages", "message_homes"]
    table = str(store.client.command(f"SHOW CREATE TABLE {store.internal}.messages"))
    assert "toIntervalDay(60)" in table
