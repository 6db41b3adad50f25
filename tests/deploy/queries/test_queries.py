"""The results of the queries in `deploy/queries/`, on few rows."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from normalizers.model import DeliveryReport, Reason, Status
from normalizers.submissions import Submission
from sinks.clickhouse.store import Store
from sinks.stream import Topic
from tests.deploy.alerts.fixtures import Watched
from tests.factories import make_report, make_submission

QUERIES = Path(__file__).parents[3] / "deploy" / "queries"
NOW = datetime.now(UTC).replace(microsecond=0)
MONDAY = datetime(NOW.year, NOW.month, NOW.day, 9, tzinfo=UTC) - timedelta(days=NOW.weekday() + 7)


def insert(store: Store, records: Sequence[DeliveryReport | Submission]) -> None:
    """Insert reports and submissions."""
    store.insert(Topic.SUBMISSIONS, [record for record in records if isinstance(record, Submission)])
    store.insert(Topic.REPORTS, [record for record in records if isinstance(record, DeliveryReport)])


def run(store: Store, name: str) -> list[tuple[Any, ...]]:
    """Run a query of `deploy/queries/`."""
    sql = (QUERIES / f"{name}.sql").read_text(encoding="utf-8").replace("dlr.", f"{store.database}.")
    return [tuple(row) for row in store.client.query(sql).result_rows]


def report(number: int, status: Status = Status.DELIVERED, at: datetime = NOW, **given: Any) -> DeliveryReport:
    """Make a report on message `m-<number>`."""
    reason = Reason.INVALID_NUMBER if status.failed else None
    message = {"message_id": f"m-{number}", "occurred_at": at, "received_at": at, "reason": reason}
    return make_report(status=status, **{**message, **given})


@pytest.mark.parametrize("path", sorted(QUERIES.glob("*.sql")), ids=lambda path: path.stem)
def test_every_query_begins_with_its_question(path: Path) -> None:
    """Each query begins with a comment that asks its question, and the README of `deploy/` lists it."""
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    assert first.startswith("-- ")
    assert "?" in first
    assert f"`queries/{path.name}`" in (QUERIES.parent / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", sorted(QUERIES.glob("*.sql")), ids=lambda path: path.stem)
def test_the_query_interface_answers_every_query(watched: Watched, path: Path) -> None:
    """The read-only query interface answers every query."""
    watched.program.ask(path.read_text(encoding="utf-8"))


def test_delivery_rate(store: Store) -> None:
    """Shares are of the messages with a final status, and each message counts with its own status alone."""
    dutch: dict[str, Any] = {"country": "NL", "operator": "20408"}
    insert(
        store,
        [
            *(report(number, **dutch) for number in range(3)),
            report(0, Status.REJECTED, NOW - timedelta(minutes=1), **dutch),
            report(3, Status.REJECTED, **dutch),
            report(4, Status.ENROUTE, **dutch),
            report(5),
            report(6, at=NOW - timedelta(days=31)),
        ],
    )
    assert run(store, "delivery_rate") == [("NL", "20408", 4, 3, 0.75, 1), ("GB", "", 1, 1, 1.0, 0)]


def test_time_to_deliver(store: Store) -> None:
    """The time is from the submission to the provider's time of delivery; failed messages have none."""
    sent = NOW - timedelta(hours=1)
    for number, seconds in enumerate((1, 2, 3, 4, 100)):
        insert(
            store,
            [
                make_submission(message_id=f"m-{number}", submitted_at=sent),
                report(number, at=sent + timedelta(seconds=seconds)),
            ],
        )
    failed = report(9, Status.REJECTED, at=sent + timedelta(seconds=1))
    insert(store, [make_submission(message_id="m-9", submitted_at=sent), failed, report(10)])
    assert run(store, "time_to_deliver") == [("cm", "GB", 5, 3.0, 100.0, 100.0, 100.0)]


def test_failure_reasons(store: Store) -> None:
    """Failures are counted by the week of a message's first report; shares are of that week's final messages."""
    before = MONDAY - timedelta(days=7)
    insert(
        store,
        [
            *(report(number, at=MONDAY) for number in range(7)),
            *(report(10 + number, Status.REJECTED, MONDAY) for number in range(2)),
            report(20, Status.EXPIRED, MONDAY + timedelta(days=6), reason=Reason.EXPIRED),
            report(30, Status.REJECTED, before),
            report(31, Status.ENROUTE, before),
        ],
    )
    assert run(store, "failure_reasons") == [
        (MONDAY.date(), "cm", "invalid_number", 2, 0.2),
        (MONDAY.date(), "cm", "expired", 1, 0.1),
        (before.date(), "cm", "invalid_number", 1, 1.0),
    ]


def test_provider_comparison(store: Store) -> None:
    """Two providers are compared on the countries and days that both have, each weighted by the smaller part."""
    insert(
        store,
        [
            *(report(number, Status.DELIVERED if number < 8 else Status.REJECTED) for number in range(10)),
            *(report(number, provider="juhe") for number in range(5)),
            *(report(20 + number, Status.REJECTED, country="NL", provider="juhe") for number in range(50)),
            *(report(80 + number, country="FR") for number in range(50)),
        ],
    )
    assert run(store, "provider_comparison") == [("cm", "juhe", 5, 0.8, 1.0, -0.2)]


def test_conflicts(store: Store) -> None:
    """A message with two different final statuses is shown with all of its reports' statuses, in order."""
    insert(
        store,
        [
            report(1, Status.REJECTED, NOW - timedelta(seconds=2)),
            report(1, Status.DELIVERED, NOW - timedelta(seconds=1)),
            report(1, Status.ENROUTE, NOW - timedelta(seconds=3)),
            report(2, Status.ENROUTE, NOW - timedelta(seconds=3)),
            report(2),
        ],
    )
    [row] = run(store, "conflicts")
    assert row[:5] == ("cm", "default", "m-1", "+447911123456", "delivered")
    assert row[5] == row[6] == ["enroute", "rejected", "delivered"]


def test_orphans(store: Store) -> None:
    """Reports on messages that were never submitted are counted, for accounts that submit."""
    insert(
        store,
        [
            make_submission(message_id="m-1", submitted_at=NOW),
            make_submission(message_id="m-9", submitted_at=NOW),
            *(report(number) for number in range(1, 5)),
            report(7, provider="juhe"),
        ],
    )
    [row] = run(store, "orphans")
    assert row[:6] == (NOW.date(), "cm", "default", 4, 3, 0.75)
    assert sorted(row[6]) == ["m-2", "m-3", "m-4"]


def test_code_drift(store: Store) -> None:
    """A code is shown for each day on which it is in no table, and for the day on which it first came."""
    yesterday, before = NOW - timedelta(days=1), NOW - timedelta(days=40)
    odd: dict[str, Any] = {"unmapped": True, "provider_status": "9"}
    insert(
        store,
        [
            report(1, at=before, provider_status="2"),
            report(2, provider_status="2"),
            report(3, Status.UNKNOWN, yesterday, **odd),
            report(4, Status.UNKNOWN, **odd),
            report(5, Status.UNKNOWN, **odd),
            report(6, Status.REJECTED, provider_status="1"),
        ],
    )
    assert run(store, "code_drift") == [
        (NOW.date(), "cm", "9", "", 2, 2, 0),
        (NOW.date(), "cm", "1", "", 1, 0, 1),
        (yesterday.date(), "cm", "9", "", 1, 1, 1),
    ]
