"""A report that comes again counts once, however late it comes and however its recipient is read then."""

from datetime import timedelta
from uuid import UUID

import msgspec

from normalizers.model import Source, Status
from sinks.clickhouse.store import Store
from sinks.stream import Topic
from tests.factories import NOON, make_report, make_submission
from tests.sinks.clickhouse.asking import insert, one, rows


def test_a_copy_whose_recipient_is_read_differently_is_no_second_message(store: Store) -> None:
    """A report that is repeated after `default_region` has changed stays one report, under its first number."""
    first = make_report(recipient="07400123456", country="")
    other = make_report(recipient="+447400123456", event_id=first.event_id)
    insert(store, first)
    insert(store, other, first, other)
    assert rows(store, "SELECT recipient, country, reports FROM dlr.messages") == [
        {"recipient": "07400123456", "country": "", "reports": 1}
    ]
    assert one(store, "SELECT sum(reports) AS r FROM dlr.stats") == {"r": 1}


def test_copies_that_are_read_differently_may_come_in_one_batch(store: Store) -> None:
    """The first of two copies in one insert gives the other its recipient; another report of the id keeps its own."""
    first = make_report(recipient="07400123456", country="")
    other = make_report(recipient="+447400123456", event_id=first.event_id)
    second = make_report(recipient="+447400123457")
    store.insert(Topic.REPORTS, (first, other, second))
    found = rows(store, "SELECT recipient, reports FROM dlr.messages ORDER BY recipient")
    assert [(row["recipient"], row["reports"]) for row in found] == [("+447400123457", 1), ("07400123456", 1)]


def test_a_copy_that_comes_days_later_is_not_stored(store: Store) -> None:
    """A late copy counts in when its message was last heard of, and in which report decides; the table has one row."""
    first = make_report(status=Status.EXPIRED, occurred_at=None)
    other = make_report(status=Status.REJECTED, occurred_at=None, received_at=NOON + timedelta(seconds=1))
    copy = msgspec.structs.replace(first, received_at=NOON + timedelta(days=3))
    insert(store, first, other, copy)
    assert one(store, f"SELECT count() AS stored FROM {store.internal}.reports") == {"stored": 2}
    assert one(store, "SELECT status, reports, last_received_at FROM dlr.messages") == {
        "status": "expired",
        "reports": 2,
        "last_received_at": copy.received_at.replace(tzinfo=None),
    }


def test_a_copy_of_a_superseded_poll_is_no_second_message(store: Store) -> None:
    """The answer to a poll keeps its recipient after a callback has superseded it and a merge has removed it."""
    poll = make_report(source=Source.POLL, occurred_at=None, provider_status="polled")
    callback = make_report(occurred_at=None, supersedes=poll.event_id)
    insert(store, poll, callback)
    store.client.command(f"OPTIMIZE TABLE {store.internal}.reports FINAL")
    insert(store, msgspec.structs.replace(poll, recipient="07911123456", country=""))
    assert rows(store, "SELECT recipient, reports FROM dlr.messages") == [{"recipient": poll.recipient, "reports": 1}]


def test_a_late_copy_that_is_stored_belongs_to_the_message_of_the_first_one(store: Store) -> None:
    """A late copy whose recipient is now read as that of another message adds nothing to that message."""
    sent = make_submission(recipient="+447400123456")
    store.insert(Topic.SUBMISSIONS, [sent])
    first = make_report(recipient="07400123456", country="", supersedes=str(UUID(int=1)))
    copy = msgspec.structs.replace(first, recipient=sent.recipient, received_at=NOON + timedelta(days=3))
    insert(store, first, copy)
    assert rows(store, "SELECT recipient, reports FROM dlr.messages ORDER BY recipient") == [
        {"recipient": "+447400123456", "reports": 0},
        {"recipient": "07400123456", "reports": 1},
    ]


def test_an_insert_that_is_repeated_reaches_the_messages(store: Store) -> None:
    """Reports that an insert stored before it was cut short reach their messages when it is repeated, late ones, too."""
    late = make_report(received_at=NOON + timedelta(days=5), stamp_day=NOON.date())
    copy = msgspec.structs.replace(late, received_at=NOON + timedelta(days=6))
    store.insert(Topic.REPORTS, [late, copy])
    expected = one(store, "SELECT * FROM dlr.messages")
    store.client.command(f"TRUNCATE TABLE {store.internal}.messages")
    store.insert(Topic.REPORTS, [late, copy])
    assert one(store, "SELECT * FROM dlr.messages") == expected


def test_a_thousand_copies_in_one_insert_count_once(store: Store) -> None:
    """Copies within one insert collapse as those of several do."""
    copies = [make_report(received_at=NOON + timedelta(seconds=n)) for n in range(1000)]
    store.insert(Topic.REPORTS, copies)
    store.insert(Topic.REPORTS, copies)
    assert one(store, "SELECT count() AS n, max(received_at) AS t FROM dlr.reports") == {
        "n": 1,
        "t": NOON.replace(tzinfo=None),
    }
