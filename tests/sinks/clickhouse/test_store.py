"""The promise of every store: counts that duplicates and disorder can't change."""

import itertools
import random
from datetime import datetime, timedelta
from typing import Any, cast

import msgspec
import pytest
from clickhouse_connect.driver.client import Client

from normalizers.code_rows import CodeRow
from normalizers.errors import Fault
from normalizers.model import DeliveryReport, Reason, Source, Status
from sinks.clickhouse.migrate import migrate, migrations
from sinks.clickhouse.store import Store
from sinks.errors import BusyError, RefusedError
from sinks.rows import check
from sinks.stream import Topic
from tests.factories import NOON, make_inbound, make_letter, make_report
from tests.sinks.clickhouse.asking import insert, one, rows


def test_the_same_report_counts_once_everywhere(store: Store) -> None:
    """A report that comes again, a day later and in another insert, changes no count."""
    first = make_report()
    again = [make_report(received_at=NOON + timedelta(days=day)) for day in range(1, 4)]
    insert(store, again[1], first, *again)
    assert one(store, "SELECT count() AS n FROM dlr.reports") == {"n": 1}
    assert one(store, "SELECT count() AS n, sum(reports) AS r FROM dlr.messages") == {"n": 1, "r": 1}
    assert one(store, "SELECT sum(reports) AS r, min(minute) AS m FROM dlr.stats") == {
        "r": 1,
        "m": NOON.replace(tzinfo=None),
    }


def test_counts_hold_when_the_engine_merges(store: Store) -> None:
    """Merging parts in the background changes nothing that is read."""
    reports = [make_report(message_id=f"m-{n % 5}", received_at=NOON + timedelta(minutes=n)) for n in range(20)]
    insert(store, *random.Random(1).sample(reports, 20))  # noqa: S311 - an order, not a secret
    before = rows(store, "SELECT * FROM dlr.reports ORDER BY message_id")
    store.client.command(f"OPTIMIZE TABLE {store.internal}.reports FINAL")
    assert rows(store, "SELECT * FROM dlr.reports ORDER BY message_id") == before
    assert len(before) == 5


def test_the_row_is_the_report(store: Store) -> None:
    """Every field of a report is a column, with its value."""
    report = make_report(
        reference="ref",
        operator="20408",
        sender="ACME",
        status=Status.REJECTED,
        reason=Reason.BLOCKLISTED,
        provider_code="37",
        provider_text='a "quoted" 文\n\x00',
        custom=msgspec.Raw(b'{"a": [1, null]}'),
        raw="r\t\\",
        unmapped=True,
        normalizer=7,
    )
    insert(store, report)
    row = one(store, "SELECT * FROM dlr.reports")
    assert str(row.pop("event_id")) == report.event_id
    assert row.pop("custom") == '{"a": [1, null]}'
    for name in report.__struct_fields__:
        if name in {"event_id", "custom"}:
            continue
        value, expected = row[name], getattr(report, name)
        assert value == (expected.replace(tzinfo=None) if isinstance(expected, datetime) else expected) or (
            name == "notes" and list(value) == list(expected)
        ), name


LIFE = [
    make_report(status=Status.ACCEPTED, occurred_at=NOON + timedelta(seconds=30)),
    make_report(status=Status.ENROUTE, occurred_at=NOON + timedelta(seconds=20)),
    make_report(status=Status.DELIVERED, occurred_at=NOON + timedelta(seconds=10)),
    make_report(status=Status.UNKNOWN, occurred_at=NOON + timedelta(seconds=40)),
]


@pytest.mark.parametrize("order", list(itertools.permutations(LIFE))[::5])
def test_arrival_order_never_decides(store: Store, order: tuple[DeliveryReport, ...]) -> None:
    """A message's state is its report of the highest rank, in whatever order the reports came."""
    insert(store, *order)
    row = one(store, "SELECT status, final, reports, conflict FROM dlr.messages")
    assert row == {"status": "delivered", "final": True, "reports": 4, "conflict": False}


def failed(
    status: Status, *, at: datetime | None, source: Source = Source.CALLBACK, received: int = 0
) -> DeliveryReport:
    """Make a failed report."""
    return make_report(status=status, occurred_at=at, source=source, received_at=NOON + timedelta(seconds=received))


@pytest.mark.parametrize(
    ("winner", "loser"),
    [
        (failed(Status.EXPIRED, at=NOON), failed(Status.REJECTED, at=NOON - timedelta(seconds=1), received=9)),
        (failed(Status.EXPIRED, at=NOON), failed(Status.REJECTED, at=None, received=9)),
        (failed(Status.EXPIRED, at=None), failed(Status.REJECTED, at=None, source=Source.POLL, received=9)),
        (failed(Status.EXPIRED, at=None, received=9), failed(Status.REJECTED, at=None)),
    ],
    ids=["later occurred_at", "a time over none", "callback over poll", "later received_at"],
)
def test_equal_ranks_are_decided_by_time_then_source(
    store: Store, winner: DeliveryReport, loser: DeliveryReport
) -> None:
    """Between equal ranks the later occurred_at wins, then a callback over a poll, then the later received_at."""
    for order in ((winner, loser), (loser, winner)):
        insert(store, *order)
        assert one(store, "SELECT status FROM dlr.messages") == {"status": winner.status.value}


def test_two_final_states_are_a_conflict(store: Store) -> None:
    """A message that was reported delivered and failed is delivered, and says that it is in conflict."""
    insert(store, make_report(), failed(Status.EXPIRED, at=NOON))
    assert one(store, "SELECT status, conflict FROM dlr.messages") == {"status": "delivered", "conflict": True}


def test_a_coarse_answer_to_a_poll_is_no_conflict(store: Store) -> None:
    """A poll that says no more than "failed" confirms a callback that says why."""
    callback = failed(Status.REJECTED, at=None)
    insert(store, callback, failed(Status.UNDELIVERABLE, at=None, source=Source.POLL, received=60))
    assert one(store, "SELECT status, conflict FROM dlr.messages") == {"status": "rejected", "conflict": False}


def test_a_message_to_two_recipients_is_two(store: Store) -> None:
    """One provider id can stand for many recipients, and each has a state of its own."""
    insert(store, make_report(), make_report(recipient="+447911123457", status=Status.EXPIRED))
    assert rows(store, "SELECT status FROM dlr.messages ORDER BY recipient") == [
        {"status": "delivered"},
        {"status": "expired"},
    ]


def read_again(report: DeliveryReport, **changed: Any) -> DeliveryReport:
    """Return a report as it is after it was read again."""
    return msgspec.structs.replace(report, **{"revision": 1, **changed})


def test_a_message_has_the_greatest_reference_of_its_reports(store: Store) -> None:
    """Of reports that differ in reference, sender or operator, the greatest counts, whichever of them decides."""
    first = make_report(status=Status.ENROUTE, reference="ref-2", sender="ACME", operator="204-08")
    insert(store, first, make_report(reference="ref-1", operator=""))
    insert(store, first)
    assert one(store, "SELECT reference, sender, operator, status FROM dlr.messages") == {
        "reference": "ref-2",
        "sender": "ACME",
        "operator": "204-08",
        "status": "delivered",
    }


def test_reading_again_replaces_the_reading_only(store: Store) -> None:
    """A report that is read again keeps its first receipt, and a copy as it was read first changes it no more."""
    first = make_report(status=Status.UNKNOWN, provider_status="x")
    late = make_report(status=Status.UNKNOWN, provider_status="x", received_at=NOON + timedelta(hours=1))
    other = make_report(status=Status.ENROUTE)
    insert(store, first, other)
    store.insert(Topic.REPORTS, [read_again(first, status="delivered")])
    insert(store, late)
    reports = rows(store, "SELECT status, received_at FROM dlr.reports ORDER BY status")
    assert reports == [
        {"status": status, "received_at": NOON.replace(tzinfo=None)} for status in ("delivered", "enroute")
    ]
    assert rows(store, "SELECT status, final, reports FROM dlr.messages") == [
        {"status": "delivered", "final": True, "reports": 2}
    ]


def test_reading_again_takes_back(store: Store) -> None:
    """A message follows its reports where they are read again as less than they were, and it can happen again."""
    first = make_report(status=Status.DELIVERED)
    insert(store, first, make_report(status=Status.ENROUTE))
    for revision, status, expected in (
        (1, "unknown", "enroute"),
        (2, "rejected", "rejected"),
        (3, "unknown", "enroute"),
    ):
        store.insert(Topic.REPORTS, [read_again(first, status=status, revision=revision)])
        assert rows(store, "SELECT status, reports, conflict FROM dlr.messages") == [
            {"status": expected, "reports": 2, "conflict": False}
        ]


class Looking:
    """A client that counts the messages after each statement that it runs."""

    def __init__(self, store: Store) -> None:
        """Run statements on the client of `store`."""
        self._store = store
        self.seen: list[list[dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Any:
        """Do what the client does."""
        return getattr(self._store.client, name)

    def command(self, *given: Any, **named: Any) -> Any:
        """Run a statement, and look."""
        result = self._store.client.command(*given, **named)
        self.seen.append(rows(self._store, "SELECT message_id, status, reports FROM dlr.messages ORDER BY message_id"))
        return result


def test_no_message_is_seen_twice_while_it_is_computed_anew(store: Store) -> None:
    """After every statement of the way there, a query sees each message once: as it was, or as it is to be."""
    reports = [make_report(message_id=name, status=Status.UNKNOWN, provider_status="x") for name in ("a", "b")]
    insert(store, *reports)
    looking = Looking(store)
    again = Store(cast("Client", looking), store.database)
    for revision, status in ((1, "rejected"), (2, "delivered")):
        again.insert(Topic.REPORTS, [read_again(report, status=status, revision=revision) for report in reports])
        assert {row["status"] for row in looking.seen[-1]} == {status}
    assert len(looking.seen) > 5
    assert all([(row["message_id"], row["reports"]) for row in seen] == [("a", 1), ("b", 1)] for seen in looking.seen)


def test_reading_again_may_move_a_report_to_another_recipient(store: Store) -> None:
    """A number that is read in another way makes the message another one; the old one is gone."""
    insert(store, make_report())
    store.insert(Topic.REPORTS, [read_again(make_report(), recipient="+447911123499")])
    assert rows(store, "SELECT recipient, reports FROM dlr.messages") == [{"recipient": "+447911123499", "reports": 1}]


def test_the_store_ranks_as_the_program_does(store: Store) -> None:
    """The rank of every status is the same in SQL and in Python."""
    insert(store, *(make_report(status=status, message_id=status.value) for status in Status))
    found = rows(
        store,
        f"SELECT message_id AS status, bitShiftRight(precedence, 61) AS rank FROM {store.internal}.messages",
    )
    assert {row["status"]: row["rank"] for row in found} == {status.value: status.rank for status in Status}


@pytest.mark.parametrize("year", [1970, 1999, 2099, 2100])
def test_a_provider_clock_may_say_anything(store: Store, year: int) -> None:
    """A report with a strange time is stored with it."""
    at = NOON.replace(year=year)
    insert(store, make_report(occurred_at=at))
    assert one(store, "SELECT occurred_at AS t FROM dlr.reports") == {"t": at.replace(tzinfo=None)}


def test_reports_of_many_days_fit_one_insert(store: Store) -> None:
    """One insert takes reports of more days than the engine's default number of partitions."""
    reports = [make_report(occurred_at=NOON - timedelta(days=day)) for day in range(150)]
    store.insert(Topic.REPORTS, reports)
    assert one(store, "SELECT count() AS n FROM dlr.reports") == {"n": 150}


def test_inbound_messages_count_once(store: Store) -> None:
    """An inbound message that comes again is one row."""
    message = make_inbound(content="上行内容")
    for _ in range(3):
        store.insert(Topic.INBOUND, [message])
    assert one(store, "SELECT count() AS n, any(content) AS c FROM dlr.inbound") == {"n": 1, "c": "上行内容"}


def test_dead_letters_of_the_same_content_are_one_with_a_count(store: Store) -> None:
    """Retries of an unreadable callback are one letter with a count; reading the stream twice adds none."""
    records = [
        make_letter(
            why=Fault.NOT_JSON,
            headers={"authorization": "***", "x-date": str(minute)},
            body=b"\xff{",
            received_at=NOON + timedelta(minutes=minute),
        )
        for minute in range(3)
    ]
    for _ in range(2):
        store.insert(Topic.DEAD_LETTERS, [check(Topic.DEAD_LETTERS, record.value) for record in records])
    letter = one(store, "SELECT * FROM dlr.dead_letters")
    assert (letter["receipts"], letter["why"], letter["body"], letter["body_encoding"]) == (
        3,
        "not_json",
        "/3s=",
        "base64",
    )
    assert letter["headers"] == '{"authorization":"***","x-date":"0"}'


def test_a_row_that_is_no_report_is_refused(store: Store) -> None:
    """A row at fault is told from a store at fault."""
    with pytest.raises(RefusedError, match="CANNOT_PARSE"):
        store.insert(Topic.REPORTS, [make_report(event_id="no uuid")])


def test_a_store_without_its_tables_is_busy(store: Store) -> None:
    """A fault of the store is waited out, never taken for a fault of the row."""
    with pytest.raises(BusyError, match="UNKNOWN_DATABASE"):
        Store(store.client, "absent").insert(Topic.REPORTS, [make_report()])


def test_migrations_are_applied_once(store: Store) -> None:
    """Migrating again does nothing, and the database says what was applied."""
    assert migrate(store) == []
    applied = rows(store, f"SELECT number, name FROM {store.internal}.migrations ORDER BY number")
    assert [row["number"] for row in applied] == [migration.number for migration in migrations()]


def test_a_migration_that_was_cut_short_is_repeated(store: Store) -> None:
    """A migration that is not recorded as applied is applied again over what stands of it."""
    store.client.command(f"TRUNCATE TABLE {store.internal}.migrations")
    store.client.command(f"DROP VIEW {store.database}.stats")
    assert [migration.number for migration in migrate(store)] == [migration.number for migration in migrations()]
    assert rows(store, "SELECT * FROM dlr.stats") == []


def test_a_migration_that_was_changed_is_refused(store: Store) -> None:
    """A file that differs from what the database has under its number stops the start."""
    store.client.command(
        f"ALTER TABLE {store.internal}.migrations UPDATE checksum = 'other' WHERE 1 SETTINGS mutations_sync = 1"
    )
    with pytest.raises(RefusedError, match="0001_schema"):
        migrate(store)


def test_the_store_does_not_tell_the_machines_name(store: Store) -> None:
    """Tools ask for the name of the server when they connect; a query can't learn the host's name from that."""
    assert store.client.command("SELECT displayName()") == "dlrhub"


def test_the_codes_are_replaced_as_a_whole(store: Store) -> None:
    """The table of codes holds what the program knows now, and nothing that it knew before."""
    for code in ("0", "1"):
        store.replace_codes([{**dict.fromkeys(CodeRow.__struct_fields__, ""), "provider": "cm", "code": code}])
        assert rows(store, "SELECT provider, code FROM dlr.codes") == [{"provider": "cm", "code": code}]


def test_the_store_tells_what_can_be_retried_as_the_program_does(store: Store) -> None:
    """For every reason, reports and messages say whether sending again can help as the program does."""
    failed = [make_report(status=Status.REJECTED, message_id=reason.value, reason=reason) for reason in Reason]
    store.insert(Topic.REPORTS, [*failed, make_report()])
    expected = {"": "", **{reason.value: reason.persistence.value for reason in Reason}}
    for table in ("reports", "messages"):
        found = rows(store, f"SELECT reason, retryable, failed FROM dlr.{table}")
        assert {row["reason"]: row["retryable"] for row in found} == expected
        assert {row["reason"] for row in found if not row["failed"]} == {""}
