"""Random traffic against an oracle: the views are exact after every insert, merged or not."""

import random
from datetime import timedelta
from typing import Any

import pytest

from normalizers.model import DeliveryReport
from sinks.clickhouse.store import Store
from sinks.stream import Topic
from tests.factories import NOON, make_report
from tests.sinks.clickhouse.oracle import Key, Oracle, Traffic


def insert(store: Store, oracle: Oracle, traffic: Traffic, count: int) -> None:
    """Insert random records into both, the reports in one piece and the submissions in another."""
    records = traffic.records(count)
    reports = [record for record in records if isinstance(record, DeliveryReport)]
    submissions = [record for record in records if not isinstance(record, DeliveryReport)]
    oracle.copies += reports
    oracle.submissions += submissions
    if submissions:
        store.insert(Topic.SUBMISSIONS, submissions)
    if reports:
        store.insert(Topic.REPORTS, reports)


def check(store: Store, oracle: Oracle) -> None:
    """Compare every view with the oracle."""
    expected = oracle.reports()
    rows = store.client.query(
        f"SELECT event_id, status, received_at, revision FROM {store.database}.reports"
    ).result_rows
    assert {str(row[0]): tuple(row[1:]) for row in rows} == {
        event_id: (report.status.value, report.received_at.replace(tzinfo=None), report.revision)
        for event_id, report in expected.items()
    }
    assert len(rows) == len(expected)
    assert store.client.command(f"SELECT sum(reports) FROM {store.database}.stats") == len(expected)
    check_messages(store, oracle)


def check_messages(store: Store, oracle: Oracle) -> None:
    """Compare the messages with the oracle."""
    columns = "status, reports, first_received_at, last_received_at, conflict, submitted_at"
    rows = store.client.query(
        f"SELECT provider, account, message_id, recipient, message_stamp, {columns} FROM {store.database}.messages"
    ).result_rows
    found = {Key(*row[:5]): row[5:] for row in rows}
    expected = oracle.messages()
    assert len(found) == len(rows)
    assert found.keys() == expected.keys()
    for key, (status, *shown) in found.items():
        message = expected[key]
        times = [message["first"], message["last"], message["submitted"]]
        first, last, submitted = (at and at.replace(tzinfo=None) for at in times)
        assert shown == [message["reports"], first, last, message["conflict"], submitted], key
        assert not message["deciding"] or status in {word for word, _ in message["deciding"]}, key


def merge(store: Store, chance: random.Random) -> None:
    """Merge a table, or none, as the engine does whenever it likes."""
    table: Any = chance.choice(("reports", "messages", "submissions", "message_homes", None))
    if table:
        store.client.command(f"OPTIMIZE TABLE {store.local}.{table} FINAL")


@pytest.mark.parametrize("seed", range(2))
def test_random_traffic_is_counted_exactly(store: Store, seed: int) -> None:
    """Copies, disorder, odd and missing times, polls and reports read again give what the oracle says at every step."""
    chance = random.Random(seed)  # noqa: S311 - an order, not a secret
    oracle, traffic = Oracle(), Traffic(seed)
    for _ in range(8):
        insert(store, oracle, traffic, chance.randrange(1, 30))
        check(store, oracle)
        merge(store, chance)
        check(store, oracle)


def test_an_index_never_hides_the_copy_that_stays(store: Store) -> None:
    """A question about a time counts no late copy of a report that was received before it."""
    for hours in (0, 1):
        report = make_report(received_at=NOON + timedelta(hours=hours))
        store.insert(Topic.REPORTS, [report])
    late = "WHERE received_at >= toDateTime64('2026-11-20 12:30:00', 6, 'UTC')"
    for name in ("reports", "messages"):
        column = late.replace("received_at", "first_received_at") if name == "messages" else late
        assert store.client.command(f"SELECT count() FROM {store.database}.{name} {column}") == 0
    careless = "SETTINGS use_skip_indexes_if_final = 1, use_skip_indexes_if_final_exact_mode = 0"
    assert store.client.command(f"SELECT count() FROM {store.internal}.reports FINAL {late} {careless}") == 1


def test_scattered_times_are_few_parts(store: Store) -> None:
    """An insert of reports from any number of days makes at most 64 parts a table, and days far apart keep apart."""
    times = [NOON - timedelta(days=13 * day) for day in range(700)]
    reports = [make_report(message_id=str(at), occurred_at=at, stamp_day=at.date()) for at in times]
    store.insert(Topic.REPORTS, [*reports, *reports])
    parts = f"SELECT count() FROM system.parts WHERE active AND database = '{store.internal}' AND table = 'reports'"
    assert int(str(store.client.command(parts))) <= 64
    assert store.client.command(f"SELECT count() FROM {store.database}.reports") == 700


def test_a_report_without_a_time_is_stored_at_the_home_of_its_message(store: Store) -> None:
    """All copies of a report without a time are in the day on which its message was first heard of."""
    for days in (3, 0, 40):
        report = make_report(occurred_at=None, received_at=NOON + timedelta(days=days))
        store.insert(Topic.REPORTS, [report])
    stored = f"SELECT DISTINCT toString(day) FROM {store.internal}.reports"
    assert store.client.command(stored) == str((NOON + timedelta(days=3)).date())
    assert store.client.command(f"SELECT count() FROM {store.database}.reports") == 1
