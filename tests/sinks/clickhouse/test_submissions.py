"""Submissions beside reports in the store: latency, what is missing, and what nobody submitted."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from normalizers.model import DeliveryReport, Source, Status
from normalizers.submissions import Submission
from sinks.clickhouse.store import Store
from sinks.stream import Topic
from tests.factories import NOON, make_report, make_submission

PAST = datetime.now(UTC).replace(microsecond=0) - timedelta(days=10)


def insert(store: Store, *records: DeliveryReport | Submission) -> None:
    """Insert records one by one, in the order given."""
    for record in records:
        if isinstance(record, Submission):
            store.insert(Topic.SUBMISSIONS, [record])
        else:
            store.insert(Topic.REPORTS, [record])


def rows(store: Store, sql: str) -> list[dict[str, Any]]:
    """Ask the store."""
    return list(store.client.query(sql.replace("dlr.", f"{store.database}.")).named_results())


def one(store: Store, sql: str) -> dict[str, Any]:
    """Ask the store for one row."""
    [row] = rows(store, sql)
    return row


def test_the_row_is_the_submission(store: Store) -> None:
    """Every field of a submission is a column, with its value; a tag can be asked for by its name."""
    submission = make_submission(reference="order-1", tags={"campaign": "autumn", "a'b": "文"})
    insert(store, submission)
    row = one(store, "SELECT *, tags['campaign'] AS campaign FROM dlr.submissions")
    assert (str(row.pop("event_id")), row.pop("campaign")) == (submission.event_id, "autumn")
    for name, value in row.items():
        expected = getattr(submission, name)
        assert value == (expected.replace(tzinfo=None) if isinstance(expected, datetime) else expected), name


def test_a_submission_counts_once(store: Store) -> None:
    """A submission that comes again, saying other things, is one row: the one that came first."""
    again = [make_submission(received_at=NOON + timedelta(days=day), reference=str(day)) for day in (2, 0, 1)]
    insert(store, *again, again[0])
    assert rows(store, "SELECT reference FROM dlr.submissions") == [{"reference": "0"}]
    assert one(store, "SELECT count() AS n, sum(reports) AS r, any(reference) AS f FROM dlr.messages") == {
        "n": 1,
        "r": 0,
        "f": "0",
    }


@pytest.mark.parametrize("late", [False, True])
def test_a_submission_finds_its_report(store: Store, *, late: bool) -> None:
    """A report finds its submission whichever comes first, and neither loses a thing by it."""
    submission = make_submission(submitted_at=NOON - timedelta(seconds=7), tags={"campaign": "autumn"})
    report = make_report(reference="theirs", sender="ACME")
    insert(store, *((report, submission) if late else (submission, report)))
    row = one(store, "SELECT * FROM dlr.messages")
    assert (row["status"], row["final"], row["reports"], row["reference"], row["sender"]) == (
        "delivered",
        True,
        1,
        "theirs",
        "ACME",
    )
    assert (row["orphan"], row["missing"], row["tags"]) == (False, False, {"campaign": "autumn"})
    assert (row["submitted_at"], row["latency_seconds"], row["latency_clock"]) == (
        (NOON - timedelta(seconds=7)).replace(tzinfo=None),
        7.0,
        "provider",
    )


def test_a_report_without_a_submission_is_an_orphan(store: Store) -> None:
    """A report on a message that nobody submitted is kept as an orphan; it has no latency and is not missing."""
    insert(store, make_report())
    row = one(store, "SELECT orphan, missing, submitted_at, latency_seconds, latency_clock, tags FROM dlr.messages")
    assert row == {
        "orphan": True,
        "missing": False,
        "submitted_at": None,
        "latency_seconds": None,
        "latency_clock": "",
        "tags": {},
    }


def test_a_message_that_nobody_reports_on_is_missing_after_its_deadline(store: Store) -> None:
    """A submission without a report is a message of unknown status; it is missing once its deadline has passed."""
    insert(
        store,
        make_submission(message_id="old", submitted_at=PAST),
        make_submission(message_id="new", submitted_at=datetime.now(UTC)),
    )
    found = rows(
        store,
        "SELECT message_id, status, final, reports, orphan, missing, country, first_received_at FROM dlr.messages ORDER BY message_id",
    )
    same = {
        "status": "unknown",
        "final": False,
        "reports": 0,
        "orphan": False,
        "country": "GB",
        "first_received_at": None,
    }
    assert found == [
        {"message_id": "new", "missing": False, **same},
        {"message_id": "old", "missing": True, **same},
    ]


@pytest.mark.parametrize("status", [Status.ACCEPTED, Status.ENROUTE, Status.UNKNOWN, Status.EXPIRED])
def test_a_report_that_is_not_final_leaves_a_message_missing(store: Store, status: Status) -> None:
    """A message is missing until a final report comes, whatever that says."""
    insert(store, make_submission(submitted_at=PAST), make_report(status=status, occurred_at=PAST))
    assert one(store, "SELECT status, reports, missing FROM dlr.messages") == {
        "status": status.value,
        "reports": 1,
        "missing": not status.final,
    }


@pytest.mark.parametrize(
    ("occurred", "received", "latency", "clock"),
    [
        (5.25, 9, 5.25, "provider"),
        (0, 9, 0, "provider"),
        (None, 9, 9, "receipt"),
        (-1, 9, 9, "receipt"),
        (None, -1, None, ""),
        (-2, -1, None, ""),
    ],
)
def test_latency_is_by_the_clock_that_can_be_right(
    store: Store, occurred: float | None, received: float, latency: float | None, clock: str
) -> None:
    """Latency is by the provider's clock, by ours where that is missing or behind, and never below zero."""
    report = make_report(
        occurred_at=None if occurred is None else NOON + timedelta(seconds=occurred),
        received_at=NOON + timedelta(seconds=received),
    )
    insert(store, make_submission(), report)
    assert one(store, "SELECT latency_seconds AS s, latency_clock AS c FROM dlr.messages") == {"s": latency, "c": clock}


def test_latency_is_that_of_the_final_report(store: Store) -> None:
    """A message under way has no latency yet; one that arrived has that of the report that says so."""
    insert(store, make_submission(), make_report(status=Status.ENROUTE, occurred_at=NOON + timedelta(seconds=1)))
    assert one(store, "SELECT latency_seconds AS s FROM dlr.messages") == {"s": None}
    insert(store, make_report(occurred_at=NOON + timedelta(seconds=60)))
    assert one(store, "SELECT latency_seconds AS s FROM dlr.messages") == {"s": 60.0}


def test_a_poll_after_a_detailed_callback_confirms(store: Store) -> None:
    """A poll that says no more than `failed` after a callback that says why adds a report, and changes nothing else."""
    same: dict[str, Any] = {"provider": "santo", "occurred_at": None}
    callback = make_report(**same, status=Status.REJECTED, provider_status="400", provider_code="402")
    insert(store, make_submission(provider="santo"), callback)
    before = one(store, "SELECT * FROM dlr.messages")
    poll = make_report(
        **same,
        status=Status.UNDELIVERABLE,
        provider_status="failed",
        source=Source.POLL,
        received_at=NOON + timedelta(hours=1),
    )
    insert(store, poll)
    after = one(store, "SELECT * FROM dlr.messages")
    assert {name for name in before if before[name] != after[name]} == {"reports", "last_received_at"}
    assert (after["status"], after["provider_code"], after["conflict"]) == ("rejected", "402", False)


def test_missing_reports_are_counted_by_the_hour(store: Store) -> None:
    """Missing reports are counted by provider, account, country and hour of submission, beside the submissions."""
    hour = PAST.replace(minute=0, second=0)
    insert(
        store,
        *(make_submission(message_id=f"a{n}", submitted_at=hour + timedelta(minutes=10 * n)) for n in range(6)),
        make_submission(message_id="b", submitted_at=hour + timedelta(hours=1)),
        make_submission(message_id="c", submitted_at=datetime.now(UTC)),
        make_report(message_id="a0", occurred_at=None),
        make_report(message_id="a1", occurred_at=None, status=Status.ENROUTE),
        make_report(message_id="orphan", occurred_at=None),
    )
    same = {"provider": "cm", "account": "default", "country": "GB"}
    naive = hour.replace(tzinfo=None)
    assert rows(store, "SELECT * FROM dlr.missing ORDER BY hour") == [
        {"hour": naive, **same, "submitted": 6, "missing_reports": 5, "silent": 4},
        {"hour": naive + timedelta(hours=1), **same, "submitted": 1, "missing_reports": 1, "silent": 1},
    ]


def test_a_country_that_never_reports_is_told_from_an_outage(store: Store) -> None:
    """A country that never reports has no share at all; in an outage the share of the last day alone is low."""
    now = datetime.now(UTC)
    lately, silent = now - timedelta(hours=80), "+8613800138000"
    insert(
        store,
        *(make_submission(message_id=f"s{n}", recipient=silent, country="CN", submitted_at=PAST) for n in range(2)),
        make_submission(message_id="s9", recipient=silent, country="CN", submitted_at=lately),
        *(make_submission(message_id=f"o{n}", submitted_at=PAST) for n in range(4)),
        *(make_report(message_id=f"o{n}", occurred_at=PAST) for n in range(3)),
        make_submission(message_id="o8", submitted_at=lately),
        make_submission(message_id="o9", submitted_at=now),
    )
    columns = "country, due, returned, share, due_lately, returned_lately, share_lately"
    found = rows(store, f"SELECT {columns} FROM dlr.country_returns ORDER BY country")
    assert [tuple(row.values()) for row in found] == [("CN", 3, 0, 0.0, 1, 0, 0.0), ("GB", 5, 3, 0.6, 1, 0, 0.0)]


def test_messages_with_reports_are_as_many_as_without_submissions(store: Store) -> None:
    """Submissions add messages that have no report, and change no count of those that have."""
    reports = [make_report(message_id=f"m{n}") for n in range(5)]
    insert(store, *reports)
    columns = "message_id, status, final, reports, first_received_at, last_received_at, conflict"
    before = rows(store, f"SELECT {columns} FROM dlr.messages ORDER BY message_id")
    insert(store, *(make_submission(message_id=f"m{n}") for n in range(3, 9)))
    assert rows(store, f"SELECT {columns} FROM dlr.messages WHERE reports > 0 ORDER BY message_id") == before
    assert one(store, "SELECT count() AS n, countIf(orphan) AS o FROM dlr.messages") == {"n": 9, "o": 3}


@pytest.mark.parametrize(
    "where",
    [
        "provider = 'cm' AND account = 'default' AND message_id = 'b0077'",
        "provider = 'cm' AND account = 'default' AND message_id IN (SELECT 'b0077' UNION ALL SELECT 'b0078')",
    ],
)
def test_asking_for_a_message_reads_no_others(store: Store, where: str) -> None:
    """A message is found by its key in both tables, without reading all of them."""
    many = range(30_000)
    store.insert(Topic.REPORTS, [make_report(message_id=f"b{n:04}") for n in many])
    store.insert(Topic.SUBMISSIONS, [make_submission(message_id=f"b{n:04}") for n in many])
    plan = str(store.client.command(f"EXPLAIN indexes = 1 SELECT status FROM {store.database}.messages WHERE {where}"))
    [filtered] = re.findall(r"message_id_filter.*?Granules: (\d+)/", plan.replace("\\n", "\n"), re.DOTALL)
    assert int(filtered) <= 4, plan
