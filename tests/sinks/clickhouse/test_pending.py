"""Reading what is pending: page by page, whatever there is of it."""

import time
import tracemalloc
from datetime import UTC, datetime, timedelta

from normalizers.model import Status
from sinks.clickhouse.pending import Message, Position, Window, read_page
from sinks.clickhouse.store import Store
from sinks.stream import Topic
from tests.factories import NOON, make_report, make_submission
from tests.sinks.clickhouse.asking import ask_of

START = int(NOON.timestamp()) * 1_000_000


def seconds(count: float) -> int:
    """Return a time so many seconds after noon."""
    return START + int(count * 1_000_000)


async def pages(store: Store, window: Window, most: int) -> list[list[Message]]:
    """Read a window to its end."""
    found: list[list[Message]] = []
    position: Position | None = None
    while page := await read_page(ask_of(store), "cm", "default", window, position, most=most):
        found.append(page)
        position = page[-1].position
    return found


async def test_a_window_is_read_in_order_whatever_the_size_of_a_page(store: Store) -> None:
    """Every submission of the account that was received in the window comes once, also among those of one instant."""
    at = [NOON + timedelta(seconds=second) for second in (0, 1, 1, 1, 2, 3)]
    made = [
        make_submission(message_id=f"m{n}", recipient=f"+44791112345{n}", submitted_at=when)
        for n, when in enumerate(at)
    ]
    others = [
        make_submission(message_id="x", **{name: "santo"}, submitted_at=at[1]) for name in ("provider", "account")
    ]
    store.insert(Topic.SUBMISSIONS, [*reversed(made), *others])
    for most in (1, 2, 3, 100):
        found = await pages(store, Window(start=seconds(0), end=seconds(2)), most)
        assert [message.position.message_id for page in found for message in page] == ["m1", "m2", "m3", "m4"]
        assert max(map(len, found)) <= most


async def test_a_message_is_final_by_its_state(store: Store) -> None:
    """A message is pending until a report of it to that recipient is final."""
    store.insert(
        Topic.SUBMISSIONS,
        [
            make_submission(message_id=name, recipient=number, received_at=NOON)
            for name in "abc"
            for number in ("+1", "+2")
        ],
    )
    reports = [
        make_report(message_id="a", recipient="+1", status=Status.EXPIRED),
        make_report(message_id="a", recipient="+2", status=Status.ENROUTE),
        make_report(message_id="b", recipient="+2", provider="santo"),
    ]
    store.insert(Topic.REPORTS, reports)
    [page] = await pages(store, Window(start=seconds(-1), end=seconds(1)), 100)
    assert {message.position[1:] for message in page if message.final} == {("a", "+1")}
    assert len(page) == 6


async def test_what_has_aged_out_is_left_out(store: Store) -> None:
    """A window may be of those alone whose deadline has not passed."""
    submissions = [
        make_submission(message_id=name, received_at=NOON, deadline_at=NOON + timedelta(hours=hours))
        for name, hours in (("old", 1), ("new", 3))
    ]
    store.insert(Topic.SUBMISSIONS, submissions)
    window = Window(start=seconds(-1), end=seconds(1), expiring_after=seconds(2 * 3600))
    [[message]] = await pages(store, window, 100)
    assert message.position.message_id == "new"


_MILLION = """
INSERT INTO {internal}.submissions
    (event_id, provider, account, message_id, recipient, country, reference, submitted_at, deadline_at, received_at, tags)
SELECT generateUUIDv4(), 'cm', 'default', hex(sipHash64(number)), '+447911123456', 'GB', '', at, at + INTERVAL 3 DAY,
    fromUnixTimestamp64Micro(toInt64({start} + number * 1000)) AS at, map()
FROM numbers(1000000)
"""


async def test_a_million_pending_take_no_more_memory_than_a_page(store: Store) -> None:
    """A million waiting messages are read a page at a time, each once, and a page reads only its own rows."""
    store.client.command(_MILLION.format(internal=store.internal, start=START))
    window = Window(start=seconds(-1), end=seconds(2000))
    tracemalloc.start()
    first = await read_page(ask_of(store), "cm", "default", window, None, most=500)
    took = []
    position = Position(seconds(499.9995))
    seen = set()
    for _ in range(20):
        began = time.perf_counter()
        page = await read_page(ask_of(store), "cm", "default", window, position, most=500)
        took.append(time.perf_counter() - began)
        seen |= {message.position for message in page}
        position = page[-1].position
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(first) == 500
    assert len(seen) == 10_000
    assert (min(seen)[0], max(seen)[0]) == (seconds(500), seconds(509.999))
    assert peak < 8 * 1024 * 1024
    assert sorted(took)[10] < 2.0, took
    sql = (
        f"EXPLAIN ESTIMATE SELECT message_id FROM {store.database}.submissions_lately WHERE provider = 'cm' AND "
        "account = 'default' AND received_at >= fromUnixTimestamp64Micro({a:Int64}) AND "
        "received_at <= fromUnixTimestamp64Micro({b:Int64})"
    )
    [row] = store.client.query(sql, parameters={"a": seconds(500), "b": seconds(510)}).named_results()
    assert row["rows"] < 50_000


async def test_the_store_may_be_asked_about_now(store: Store) -> None:
    """Times of today go both ways to the microsecond."""
    at = datetime.now(UTC)
    store.insert(Topic.SUBMISSIONS, [make_submission(received_at=at)])
    micros = int(at.replace(microsecond=0).timestamp()) * 1_000_000 + at.microsecond
    [[message]] = await pages(store, Window(start=micros - 1, end=micros), 10)
    assert message.position.received_at == micros
