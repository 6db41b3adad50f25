"""Asking about messages, from the store to the provider and back, on the real engine."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web

from ingest.metrics import catalogue
from ingest.polling.by_message import MessagePoller
from ingest.polling.client import ProviderClient
from ingest.polling.state import PollState, Tick
from ingest.simulation import wrong_answers
from ingest.simulation.known_messages import mobile_of
from normalizers.model import Status
from normalizers.submissions import Submission
from sinks.clickhouse.pending import Message, Position, Window, read_page
from sinks.clickhouse.store import Store
from sinks.stream import Topic
from tests.factories import make_report, make_submission
from tests.ingest.polling.accounts import make_account, make_server
from tests.ingest.polling.simulated import SimulatedProviders
from tests.ingest.reprocessing.direct import DirectProducer
from tests.sinks.clickhouse.asking import ask_of
from tests.waiting import until


class Drained(DirectProducer):
    """A stream that goes straight into the store, and the pages read from there."""

    def __init__(self, store: Store) -> None:
        """Use a store."""
        super().__init__(store)
        self.store = store
        self.pages: list[int] = []

    async def read(
        self, provider: str, account: str, window: Window, after: Position | None, most: int
    ) -> list[Message]:
        """Read a page."""
        page = await read_page(ask_of(self.store), provider, account, window, after, most=most)
        self.pages.append(len(page))
        return page


@asynccontextmanager
async def poller_of(
    server: SimulatedProviders, folder: Path, drained: Drained, provider: str = "santo", **given: Any
) -> AsyncIterator[MessagePoller]:
    """Ask a server about what the store holds."""
    async with server.serve() as url:
        account = make_account(provider, url, **given)
        client = ProviderClient(account)
        assert account.poll.by_message is not None
        with closing(PollState(folder / "poll.db")) as state:
            try:
                yield MessagePoller(client, account.poll.by_message, state, drained, drained.read)
            finally:
                await client.close()


def recent(message_id: str, provider: str = "santo", **given: Any) -> Submission:
    """Make a submission of some seconds ago."""
    at = datetime.now(UTC) - timedelta(seconds=10)
    fields = {"recipient": f"+86{mobile_of(message_id)}", "submitted_at": at, "received_at": at, **given}
    return make_submission(provider=provider, message_id=message_id, country="CN", **fields)


def submit(store: Store, *submissions: Submission) -> None:
    """Insert submissions."""
    store.insert(Topic.SUBMISSIONS, submissions)


def states(store: Store) -> dict[str, str]:
    """Return every message's status."""
    found = store.client.query(f"SELECT message_id, status FROM {store.database}.messages").result_rows
    return {str(message_id): str(status) for message_id, status in found}


def asked(server: SimulatedProviders) -> int:
    """Tell how many requests a server got."""
    return len(server.requests)


@pytest.mark.parametrize(
    ("provider", "pending", "requests"),
    [("santo", "unknown", 3), ("cmessages", "scheduled", 1)],
)
async def test_messages_learn_how_they_fared(
    store: Store, tmp_path: Path, provider: str, pending: str, requests: int
) -> None:
    """Submitted messages are asked about, and the answers are reports; Santo is asked about one message at a time."""
    server, drained = make_server(states={"a": "delivered", "b": "failed", "c": "pending"}), Drained(store)
    submit(store, *(recent(name, provider) for name in "abc"))
    async with poller_of(server, tmp_path, drained, provider) as poller:
        await poller.tick()
    assert states(store) == {"a": "delivered", "b": "undeliverable", "c": pending}
    assert asked(server) == requests
    sql = f"SELECT count() AS n, countIf(orphan) AS o FROM {store.database}.messages"
    assert store.client.query(sql).result_rows == [(3, 0)]


async def test_nobody_asks_about_what_is_known(store: Store, tmp_path: Path) -> None:
    """A message with a final report is not asked about; one with a report that is not final is."""
    server, drained = make_server(states={"b": "delivered"}), Drained(store)
    submit(store, recent("a"), recent("b"))
    same = {"provider": "santo", "occurred_at": None}
    for name, status in (("a", Status.REJECTED), ("b", Status.ENROUTE)):
        number = f"+86{mobile_of(name)}"
        report = make_report(**same, message_id=name, recipient=number, status=status)
        store.insert(Topic.REPORTS, [report])
    async with poller_of(server, tmp_path, drained) as poller:
        await poller.tick()
    assert asked(server) == 1
    assert states(store) == {"a": "rejected", "b": "delivered"}


async def tick_for(poller: MessagePoller, start: datetime, *, seconds: int) -> None:
    """Have a poller tick each half second of a clock that shows so many seconds from `start` on, without waiting."""
    for tick in range(2 * seconds):
        now = start.timestamp() + tick / 2
        poller.clock = lambda now=now: now  # type: ignore[misc]
        await poller.tick()


async def test_a_message_is_asked_about_again_and_again_until_it_ages_out(store: Store, tmp_path: Path) -> None:
    """A message that stays pending is asked about once at each age, and not after the last one."""
    server, drained = make_server(states={"a": "pending"}), Drained(store)
    given: dict[str, Any] = {"first_delay_s": 1, "growth": 2, "age_out_h": 6 / 3600}  # 1, 2, 4 and 6 seconds
    now = datetime.now(UTC)
    submit(store, recent("a", received_at=now, submitted_at=now, deadline_at=now + timedelta(seconds=60)))
    async with poller_of(server, tmp_path, drained, **given) as poller:
        await tick_for(poller, now, seconds=10)
    assert asked(server) == 4


async def test_a_submission_that_comes_late_is_asked_about_once(store: Store, tmp_path: Path) -> None:
    """A message whose deadline had passed when it was submitted is asked about once."""
    server, drained = make_server(states={"a": "pending"}), Drained(store)
    received, old = datetime.now(UTC), datetime.now(UTC) - timedelta(days=5)
    submit(store, recent("a", received_at=received, submitted_at=old, deadline_at=old + timedelta(days=3)))
    async with poller_of(server, tmp_path, drained, first_delay_s=1, growth=2, age_out_h=4 / 3600) as poller:
        await tick_for(poller, received, seconds=8)
    assert asked(server) == 1


async def test_a_restart_goes_on_where_it_was(store: Store, tmp_path: Path) -> None:
    """A tick that was cut short goes on after its last page; nobody is asked about twice, and nobody is left out."""
    server, drained = make_server(), Drained(store)
    counted: Counter[str] = Counter()

    async def count(request: web.Request) -> web.StreamResponse:
        ids = orjson.loads(await request.read())["id_list"]
        counted.update(ids)
        return web.json_response([{"id": one, "mobile": mobile_of(one), "message_status": 1} for one in ids])

    server.forced["cmessages"] = deque([count] * 1000)
    submit(store, *(recent(f"m{n:04}", "cmessages") for n in range(1200)))
    for _ in range(2):
        async with poller_of(server, tmp_path, drained, "cmessages", size=50) as poller:
            ticking = asyncio.create_task(poller.tick())
            while not ticking.done() and sum(counted.values()) < 700:
                await asyncio.sleep(0.005)
            ticking.cancel()
            await asyncio.gather(ticking, return_exceptions=True)
    async with poller_of(server, tmp_path, drained, "cmessages", size=50) as poller:
        await poller.tick()
    assert set(counted) == {f"m{n:04}" for n in range(1200)}
    assert sum(counted.values()) <= 1200 + 2 * 500, "one page again for each cut at most"


@pytest.mark.parametrize("status", [422, 400])
async def test_a_message_at_fault_costs_itself(store: Store, tmp_path: Path, status: int) -> None:
    """If a request is refused because of one of its messages, the others are asked about without it."""
    server, drained = make_server(), Drained(store)
    submit(store, *(recent(f"m{n}", "cmessages") for n in range(16)))

    async def picky(request: web.Request) -> web.StreamResponse:
        ids = orjson.loads(await request.read())["id_list"]
        if "m5" in ids:
            return web.json_response({"code": 1008}, status=status)
        return web.json_response([{"id": one, "mobile": mobile_of(one), "message_status": 0} for one in ids])

    server.forced["cmessages"] = deque([picky] * 100)
    async with poller_of(server, tmp_path, drained, "cmessages") as poller:
        await poller.tick()
    found = states(store)
    assert {name for name, status in found.items() if status != "delivered"} == {"m5"}
    assert asked(server) <= 9


async def test_a_provider_that_is_down_is_waited_for(store: Store, tmp_path: Path) -> None:
    """Errors and rate limits lose no message: it is asked about when the provider is back."""
    wrong = [wrong_answers.answer_500, wrong_answers.answer_429, wrong_answers.answer_502]
    server, drained = make_server(forced={"santo": deque(wrong)}, states={"a": "delivered"}), Drained(store)
    submit(store, recent("a"))
    async with poller_of(server, tmp_path, drained) as poller:
        await poller.tick()
    assert states(store) == {"a": "delivered"}
    assert asked(server) == 4


async def test_a_request_that_always_fails_holds_up_no_other(store: Store, tmp_path: Path) -> None:
    """A message whose request always fails is given up for this tick, while others are answered."""
    server, drained = make_server(states={f"m{n}": "delivered" for n in range(6)}), Drained(store)
    submit(store, *(recent(f"m{n}") for n in range(6)))

    async def poison(request: web.Request) -> web.StreamResponse:
        server.forced["santo"].append(poison)
        if request.query["msgid"] == "m3":
            return web.Response(status=500)
        answer = {"errcode": "000", "mtstat": "success", "msgid": request.query["msgid"], "da": request.query["da"]}
        return web.json_response([answer])

    server.forced["santo"] = deque([poison])
    async with poller_of(server, tmp_path, drained, concurrency=2) as poller:
        await asyncio.wait_for(poller.tick(), 60)
    assert {name for name, status in states(store).items() if status != "delivered"} == {"m3"}


async def test_a_poll_after_a_detailed_callback_confirms(store: Store, tmp_path: Path) -> None:
    """An answer to a poll that comes after a callback with a code changes nothing, and is no conflict."""
    server, drained = make_server(states={"a": "failed"}), Drained(store)
    submit(store, recent("a"))
    callback = make_report(
        provider="santo",
        message_id="a",
        recipient=f"+86{mobile_of('a')}",
        country="CN",
        status=Status.REJECTED,
        provider_status="400",
        provider_code="402",
        occurred_at=None,
        received_at=datetime.now(UTC),
    )

    async def after_callback(request: web.Request) -> web.StreamResponse:
        drained.store.insert(Topic.REPORTS, [callback])
        answer = {"errcode": "000", "mtstat": "failed", "msgid": "a", "da": request.query["da"]}
        return web.json_response([answer])

    server.forced["santo"] = deque([after_callback])
    async with poller_of(server, tmp_path, drained) as poller:
        await poller.tick()
    columns = "status, provider_status, provider_code, reports, conflict, orphan"
    [row] = store.client.query(f"SELECT {columns} FROM {store.database}.messages").result_rows
    assert row == ("rejected", "400", "402", 2, False, False)


async def test_the_pace_holds_however_much_is_pending(store: Store, tmp_path: Path) -> None:
    """With many more pending than may be asked about, no minute has more requests than it may, and few run at once."""
    server, drained = make_server(), Drained(store)
    submit(store, *(recent(f"m{n:05}") for n in range(20_000)))
    async with poller_of(server, tmp_path, drained, requests_per_minute=1200, concurrency=2) as poller:
        ticking = asyncio.create_task(poller.tick())
        await until(lambda: len(server.requests) > 60, seconds=60)
        ticking.cancel()
        await asyncio.gather(ticking, return_exceptions=True)
    at = [moment for _, _, moment in server.requests]
    assert all(later - earlier > 0.9 for earlier, later in zip(at, at[20:], strict=False)), "20 a second"
    assert drained.pages == [500], "one page is in memory, and the next is read when it is done"


async def test_a_bad_day_of_the_provider_loses_nobody(store: Store, tmp_path: Path) -> None:
    """If a third of all requests fail, every message is still asked about until its state is known."""
    server, drained = make_server(faults=0.3, seed=7), Drained(store)
    names = [f"m{n}" for n in range(12)]
    server.states |= dict.fromkeys(names, "delivered")
    submit(store, *(recent(name) for name in names))
    async with poller_of(server, tmp_path, drained, first_delay_s=0, growth=1.2, age_out_h=1, concurrency=4) as poller:
        async with asyncio.timeout(100):
            while set(states(store).values()) != {"delivered"}:
                await poller.tick()
                await asyncio.sleep(0.2)
    assert len(server.requests) > len(names)


@pytest.mark.parametrize(
    ("asked_before", "behind"),
    [
        (None, 0),
        (lambda now, age_out: Tick(now - 5 - age_out, now - 5, end=1), 5),
        (lambda now, age_out: Tick(now - 4 * age_out, now - 2 * age_out), 2 * 72 * 3600),
    ],
    ids=["never", "a first tick, cut short", "long ago"],
)
async def test_it_is_told_how_far_behind_the_asking_is(
    store: Store, tmp_path: Path, asked_before: Callable[[float, float], Tick] | None, behind: float
) -> None:
    """The metric is the time since all due messages had been asked about; it grows while the provider is down."""
    told: list[float] = []

    async def answer_late(request: web.Request) -> web.StreamResponse:
        told.append(catalogue.POLL_BEHIND.values["santo", "default"])
        await asyncio.sleep(0.5)
        return await wrong_answers.answer_500(request)

    server, drained = make_server(forced={"santo": deque([answer_late, answer_late])}), Drained(store)
    submit(store, recent("a"))
    if asked_before is not None:
        with closing(PollState(tmp_path / "poll.db")) as state:
            await state.save_tick("santo", "default", asked_before(time.time(), 72 * 3600))
    async with poller_of(server, tmp_path, drained, age_out_h=72) as poller:
        await poller.tick()
    assert behind - 1 <= told[0] <= behind + 4
    assert told[1] >= told[0] + 0.5
    assert catalogue.POLL_BEHIND.values["santo", "default"] < 60
