"""Latency, missing and orphan figures over many messages are exact, whatever order all of it came in."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from normalizers.identity import event_id
from normalizers.model import DeliveryReport, Source, Status
from normalizers.submissions import Submission
from sinks.clickhouse.store import Store
from sinks.records import report_record, submission_record
from sinks.rows import check
from sinks.stream import Record, Topic
from tests.factories import make_report, make_submission

MESSAGES = 100_000
ORPHANS = 1_000
COUNTRIES = ("CN", "GB", "HK", "US", "FR")
#: Long enough ago that all deadlines have passed.
BEGAN = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=6)


def submission(number: int) -> Submission:
    """Return one of the submissions: they come over a day, to five countries."""
    return make_submission(
        provider="santo",
        message_id=f"m{number:06}",
        recipient=f"+{number:011}",
        country=COUNTRIES[number % 5],
        submitted_at=BEGAN + timedelta(milliseconds=864 * number),
    )


def latency(number: int) -> float:
    """Return how long a message takes, in seconds with a fraction."""
    return number % 977 + 0.25


def report(number: int, source: Source) -> DeliveryReport:
    """Return a message's report: a callback names the time, an answer to a poll is as late as it comes."""
    sent = submission(number)
    at = sent.submitted_at + timedelta(seconds=latency(number))
    status = Status.DELIVERED if number % 10 else Status.EXPIRED
    occurred_at = at if source is Source.CALLBACK else None
    identity: dict[str, Any] = {
        "provider": "santo", "account": "default", "message_id": sent.message_id, "recipient": sent.recipient,
        "provider_status": status.value, "occurred_at": occurred_at,
    }  # fmt: skip
    received_at = at + timedelta(seconds=40 if source is Source.CALLBACK else 0)
    words = (sent.message_id, sent.recipient, status.value, str(occurred_at))
    said = {"event_id": event_id("santo", "default", words), "country": sent.country, "status": status}
    return make_report(**identity, **said, received_at=received_at, source=source)


def records(rng: random.Random) -> list[Record]:
    """Return all records: 95 % reported by callback, 3 % by poll, 2 % never, some orphans, and duplicates."""
    made = [submission_record(submission(number)) for number in range(MESSAGES)]
    for number in range(MESSAGES + ORPHANS):
        kind = number % 100 if number < MESSAGES else 0
        if kind < 98:
            made.append(report_record(report(number, Source.CALLBACK if kind < 95 else Source.POLL)))
    made += rng.sample(made, len(made) // 10)
    rng.shuffle(made)
    return made


def test_a_hundred_thousand_messages(store: Store) -> None:
    """Of 100,000 submissions, 95 % reported by callback, 3 % by poll and 2 % never, every figure is exact."""
    made = records(random.Random(4))  # noqa: S311 - an order, not a secret
    for start in range(0, len(made), 20_000):
        for topic in (Topic.REPORTS, Topic.SUBMISSIONS):
            some = (record for record in made[start : start + 20_000] if record.topic is topic)
            store.insert(topic, [check(topic, record.value) for record in some])
    reported = [number for number in range(MESSAGES) if number % 100 < 98]
    assert figures(store, "count(), countIf(orphan), countIf(missing), countIf(final), countIf(reports = 0)") == [
        MESSAGES + ORPHANS,
        ORPHANS,
        MESSAGES - len(reported),
        len(reported) + ORPHANS,
        MESSAGES - len(reported),
    ]
    assert figures(store, "sum(reports), countIf(status = 'expired' AND NOT orphan), countIf(conflict)") == [
        len(reported) + ORPHANS,
        sum(number % 10 == 0 for number in reported),
        0,
    ]
    latencies = sorted(latency(number) for number in reported)
    assert figures(
        store, "count(latency_seconds), sum(latency_seconds), min(latency_seconds), max(latency_seconds)"
    ) == [
        len(latencies),
        sum(latencies),
        latencies[0],
        latencies[-1],
    ]
    assert figures(store, "countIf(latency_clock = 'provider'), countIf(latency_clock = 'receipt')") == [
        sum(number % 100 < 95 for number in reported),
        sum(number % 100 >= 95 for number in reported),
    ]
    check_missing(store)
    check_countries(store)


def figures(store: Store, columns: str) -> list[Any]:
    """Ask `messages` for one row of figures."""
    [row] = store.client.query(f"SELECT {columns} FROM {store.database}.messages").result_rows
    return list(row)


def check_missing(store: Store) -> None:
    """Check what is missing by country and hour, against a count of our own."""
    expected: dict[tuple[str, datetime], int] = {}
    for number in range(MESSAGES):
        if number % 100 >= 98:
            sent = submission(number)
            key = (sent.country, sent.submitted_at.replace(minute=0, second=0, microsecond=0, tzinfo=None))
            expected[key] = expected.get(key, 0) + 1
    found = store.client.query(f"SELECT country, hour, missing_reports FROM {store.database}.missing").result_rows
    assert {(str(country), hour): count for country, hour, count in found} == expected


def check_countries(store: Store) -> None:
    """Check each country's share of returned reports."""
    sql = f"SELECT country, due, returned FROM {store.database}.country_returns"
    silent = dict.fromkeys(COUNTRIES, 0)
    for number in range(MESSAGES):
        silent[COUNTRIES[number % 5]] += number % 100 >= 98
    each = MESSAGES // 5
    assert {row[0]: (row[1], row[2]) for row in store.client.query(sql).result_rows} == {
        country: (each, each - count) for country, count in silent.items()
    }


def test_the_values_are_those_that_the_doors_write() -> None:
    """The rows of this test are made as the program makes them."""
    value = orjson.loads(submission_record(submission(1)).value)
    assert value["submitted_at"].endswith("Z")
