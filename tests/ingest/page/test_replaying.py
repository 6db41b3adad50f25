"""Dead letters are replayed from the page: one, or all that match the filter, a bounded number at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import pytest
from aiohttp.test_utils import TestClient
from pytest_aiohttp.plugin import AiohttpClient

from ingest.admin.server import Admin, make_app
from ingest.metrics import catalogue
from ingest.metrics.series import Totals
from ingest.page.api import Page
from ingest.page.replaying import Replays
from ingest.page.rows import Mask
from ingest.settings.accounts import effective_accounts
from ingest.settings.settings import Settings
from normalizers.errors import Fault
from sinks.clickhouse.store import Store
from sinks.errors import BusyError
from sinks.stream import Producer, Record
from tests.factories import make_letter
from tests.ingest.connections.in_process import InProcessClient
from tests.ingest.reprocessing.direct import DirectProducer

Client: TypeAlias = TestClient[Any, Any]
Open: TypeAlias = Callable[..., Awaitable[Client]]


def _letter(index: int, *, readable: bool = True, account: str = "default", why: Fault = Fault.PARSER_ERROR) -> Record:
    stat = b',"stat":"DELIVRD"' if readable else b""
    body = b'[{"flag":1,"mid":"m-%d","spid":"9","mobile":"18983437011"%s}]' % (index, stat)
    received_at = datetime.now(UTC) - timedelta(minutes=1, seconds=-index)
    return make_letter(account=account, why=why, body=body, received_at=received_at)


class _HeldProducer(DirectProducer):
    """Appends once it is let go."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.reached = asyncio.Event()
        self.let_go = asyncio.Event()

    async def append(self, records: Sequence[Record]) -> None:
        self.reached.set()
        await self.let_go.wait()
        await super().append(records)


class _BusyProducer(DirectProducer):
    """Takes nothing."""

    async def append(self, records: Sequence[Record]) -> None:
        raise BusyError(f"no room for {len(records)} records")


@pytest.fixture
def open_page(aiohttp_client: AiohttpClient, store: Store) -> Open:
    """Open the page over a store that has these letters."""

    async def opened(
        *letters: Record, producer: Producer | None = None, token: str | None = None, most_letters: int = 1000
    ) -> Client:
        await DirectProducer(store).append(letters)
        settings = Settings.model_validate({"admin": {"token": token}})
        accounts = effective_accounts(settings)
        mask = Mask(show_numbers=False)
        replays = Replays(accounts, producer or DirectProducer(store), mask, most_letters=most_letters)
        totals = Totals(catalogue.ALL)
        app = make_app(Admin({}, totals), settings.admin)
        Page(InProcessClient(store), accounts, {}, totals, replays, mask=mask, guarded=token is not None).add_to(app)
        return await aiohttp_client(app)

    return opened


async def _replay(client: Client, path: str = "replay", **parameters: str) -> dict[str, Any]:
    answer = await client.post(f"/api/dead-letters/{path}", params=parameters)
    data: dict[str, Any] = await answer.json()
    assert answer.status == 200, data
    return data


async def _count(store: Store, sql: str) -> int:
    async with InProcessClient(store) as client:
        return int(await client.value(sql))


async def _listed(client: Client) -> dict[str, Any]:
    data = await (await client.get("/api/dead-letters")).json()
    return {letter["id"]: letter for letter in data["letters"]}


async def test_what_can_be_read_now_is_resolved_and_the_rest_says_why(open_page: Open, store: Store) -> None:
    """A replay of all stores the reports, shows those letters as resolved, and says what is wrong in the others."""
    readable, unreadable = _letter(1), _letter(2, readable=False)
    client = await open_page(readable, unreadable)
    done = await _replay(client)
    why = "missing_field at $[0].stat: is missing"
    assert done == {
        "letters": [
            {"id": readable.key, "resolved": True, "resolution": "1 report"},
            {"id": unreadable.key, "resolved": False, "resolution": why},
        ],
        "resolved": 1,
        "left": 0,
        "next": None,
    }
    assert await _count(store, "SELECT countIf(source = 'replay') FROM reports") == 1
    listed = await _listed(client)
    assert (listed[readable.key]["resolved"], listed[readable.key]["resolution"]) == (1, "1 report")
    assert (listed[unreadable.key]["resolved"], listed[unreadable.key]["resolution"]) == (0, why)
    opened = await (await client.get(f"/api/dead-letters/{readable.key}")).json()
    assert (opened["resolved"], opened["resolution"]) == (1, "1 report")


async def test_one_letter_is_replayed_alone(open_page: Open, store: Store) -> None:
    """A replay of one letter leaves the others as they are, and a second one of it finds nothing to do."""
    wanted, other = _letter(1), _letter(2)
    client = await open_page(wanted, other)
    for expected in ([wanted.key], []):
        done = await _replay(client, f"{wanted.key}/replay")
        assert [letter["id"] for letter in done["letters"]] == expected
    assert await _count(store, "SELECT count() FROM reports") == 1


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, {1, 2, 3}),
        ({"provider": "juhe"}, {1, 2, 3}),
        ({"provider": "juhe", "account": "other"}, {2}),
        ({"provider": "cm"}, set()),
        ({"why": "bad_value"}, {3}),
        ({"range": "15m", "why": "not_json"}, {1}),
        ({"range": "15m", "why": "empty"}, set()),
    ],
)
async def test_the_list_and_the_replay_have_one_filter(open_page: Open, asked: dict[str, str], found: set[int]) -> None:
    """Provider, account and why name the same letters in the list and in a replay of all that match."""
    letters = {1: _letter(1), 2: _letter(2, account="other"), 3: _letter(3, why=Fault.BAD_VALUE)}
    client = await open_page(*letters.values(), _letter(1, why=Fault.NOT_JSON))  # the first one again
    expected = {letters[index].key for index in found}
    listed = await (await client.get("/api/dead-letters", params=asked)).json()
    assert {letter["id"] for letter in listed["letters"]} == expected
    assert {letter["id"] for letter in (await _replay(client, **asked))["letters"]} == expected


async def test_letters_of_an_earlier_time_are_left_alone(open_page: Open) -> None:
    """A replay leaves out letters that were last received before the shown range."""
    old = make_letter(received_at=datetime.now(UTC) - timedelta(minutes=30))
    client = await open_page(old)
    assert (await _replay(client, range="15m"))["letters"] == []
    assert len((await _replay(client, range="1h"))["letters"]) == 1


async def test_a_replay_is_bounded_and_goes_on_where_it_ended(open_page: Open) -> None:
    """A click replays a bounded number of letters and says how many are left; the next one begins after them."""
    letters = [_letter(index, readable=index != 0) for index in range(5)]
    client = await open_page(*letters, most_letters=2)
    seen, left, after = [], [], ""
    for _ in range(3):
        done = await _replay(client, after=after)
        seen += [letter["id"] for letter in done["letters"]]
        left.append(done["left"])
        after = done["next"] or ""
    assert seen == [letter.key for letter in letters]
    assert left == [3, 1, 0]


async def test_one_replay_runs_at_a_time(open_page: Open, store: Store) -> None:
    """While a replay runs, another one is refused with 409 and does nothing."""
    producer = _HeldProducer(store)
    client = await open_page(_letter(1), producer=producer)
    first = asyncio.create_task(_replay(client))
    await asyncio.wait_for(producer.reached.wait(), 10)
    answer = await asyncio.wait_for(client.post("/api/dead-letters/replay"), 10)
    assert (answer.status, (await answer.json())["error"]) == (
        409,
        "another replay is running: try again when it has ended",
    )
    producer.let_go.set()
    assert (await first)["resolved"] == 1


async def test_a_replay_does_not_hold_up_the_end_of_the_program(open_page: Open, store: Store) -> None:
    """When the program stops, a replay ends after the letter that it is at, and says how many are left."""
    producer = _HeldProducer(store)
    client = await open_page(*(_letter(index) for index in range(3)), producer=producer)
    running = asyncio.create_task(_replay(client))
    await asyncio.wait_for(producer.reached.wait(), 10)
    assert client.app is not None
    await client.app.shutdown()
    producer.let_go.set()
    done = await running
    assert (len(done["letters"]), done["left"]) == (1, 2)


async def test_a_stream_that_takes_nothing_is_told(open_page: Open, store: Store) -> None:
    """If the stream is busy, the answer is 503 with the reason, the letter stays open, and the next replay may run."""
    client = await open_page(_letter(1), producer=_BusyProducer(store))
    for _ in range(2):
        answer = await client.post("/api/dead-letters/replay")
        assert answer.status == 503
        assert (await answer.json())["error"] == "the stream takes nothing now: no room for 2 records"
    assert await _count(store, "SELECT countIf(resolved_at IS NULL) FROM dead_letters") == 1


@pytest.mark.parametrize("path", ["replay", f"{'0' * 32}/replay"])
async def test_a_replay_needs_the_token_and_a_page_of_ours(open_page: Open, store: Store, path: str) -> None:
    """Without the admin token, from another site's page, or as a GET, nothing is replayed."""
    client = await open_page(_letter(1), token="t0ken")
    url, bearer = f"/api/dead-letters/{path}", {"Authorization": "Bearer t0ken"}
    assert (await client.post(url)).status == 401
    assert (await client.post(url, headers={"Authorization": "Bearer wrong"})).status == 401
    for foreign in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert (await client.post(url, headers={**bearer, **foreign})).status == 403
    assert (await client.get(url, headers=bearer)).status in {400, 405}
    assert await _count(store, "SELECT count() FROM reports") == 0
    assert (await client.post(url, headers=bearer)).status == 200


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("replay?why=nonsense", "why: "),
        ("replay?after=1e3", "after: "),
        ("replay?provider=a'b", "provider: "),
        ("zz/replay", "id: "),
    ],
)
async def test_a_filter_that_cannot_be_used_is_said(open_page: Open, path: str, said: str) -> None:
    """A parameter that can't be used is answered 400, and nothing is replayed."""
    client = await open_page()
    answer = await client.post(f"/api/dead-letters/{path}")
    assert answer.status == 400
    assert (await answer.json())["error"].startswith(said)
