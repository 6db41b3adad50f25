"""The page's data, its access control, and its content while the store can't be asked."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any

import orjson
import pytest
from aiohttp.test_utils import TestClient
from pytest_aiohttp.plugin import AiohttpClient

from ingest.admin.server import Admin, make_app
from ingest.connections.clickhouse import DEFAULT_LIMITS, QueryLimits, open_client
from ingest.connections.streams import LateProducer, open_producer
from ingest.metrics import catalogue
from ingest.metrics.series import Snapshot, Totals
from ingest.page.details import AccountDetails
from ingest.page.live import read_live
from ingest.page.parameters import LettersParameters
from ingest.page.rows import Mask
from ingest.processes.admin import make_page
from ingest.settings.settings import Settings
from tests.ingest.page.conftest import NUMBERS
from tests.program.running import Program, free_port

Open = Callable[..., Awaitable[TestClient[Any, Any]]]


def _get(program: Program, path: str, headers: Mapping[str, str] = MappingProxyType({})) -> tuple[int, Any]:
    status, body = program.post(program.admin, path, None, headers)
    return status, orjson.loads(body)


def _overview(program: Program, name: str) -> tuple[int, Any]:
    """Return the first screen's data, once the store has answered."""
    deadline = time.monotonic() + 60
    while True:
        status, data = _get(program, f"/api/overview?range={name}")
        if data["store"]["state"] != "waiting" or time.monotonic() > deadline:
            return status, data
        time.sleep(0.2)


@pytest.fixture
def open_page(aiohttp_client: AiohttpClient) -> Open:
    """Open the page over settings of its own, in this process."""

    async def opened(
        *,
        has_store: bool = True,
        limits: QueryLimits = DEFAULT_LIMITS,
        counted: Snapshot = MappingProxyType({}),
        **settings: Any,
    ) -> TestClient[Any, Any]:
        async def ready() -> str:
            return ""

        read = Settings.model_validate(settings)
        totals = Totals(catalogue.ALL)
        totals.update("receiver-0", {"dlr_last_report_timestamp_seconds": [(("cm", "default"), 1_790_000_000.0)]})
        totals.update("store", counted)
        app = make_app(Admin({"receiver-0": ready}, totals), read.admin)
        producer = LateProducer(lambda: open_producer(read.data_dir, read.kafka, "admin-test"))
        make_page(read, producer, {"receiver-0": ready}, totals, has_store=has_store, limits=limits).add_to(app)
        return await aiohttp_client(app)

    return opened


def _away() -> dict[str, str]:
    return {"listen": f"127.0.0.1:{free_port()}"}


@pytest.mark.parametrize("name", ["15m", "1h", "6h", "24h", "7d", "30d"])
def test_the_failing_account_is_first_and_its_reason_is_named(program: Program, name: str) -> None:
    """Over each range the worst account leads; every report counts once, though some were posted twice."""
    status, data = _overview(program, name)
    assert (status, data["store"]["state"], data["range"]) == (200, "ok", name)
    first = data["accounts"][0]
    assert (first["provider"], first["account"], first["level"]) == ("juhe", "default", "failing")
    assert (first["reports"], first["finals"], first["failures"], first["unmapped"]) == (1312, 1300, 700, 12)
    assert first["reasons"] == [{"reason": "blocklisted", "failures": 700, "code": "MA:0001"}]
    assert first["dead_letters"] == 2
    assert sum(first["trend"]["finals"]) == 1300
    assert sum(first["trend"]["failures"]) == 700
    assert 20 < first["delays"][0] < 60
    assert first["last_callback"] <= data["live"]["now"]
    [santo] = [account for account in data["accounts"] if account["provider"] == "santo"]
    assert (santo["level"], santo["reports"], santo["delays"]) == ("ok", 60, [None, None])
    assert {account["provider"] for account in data["accounts"]} == {"cm", "juhe", "santo", "cloudsms"}


def test_the_program_tells_of_itself(program: Program) -> None:
    """The overview has the parts of the program, the records that wait for the store, and the answered callbacks."""
    live = _get(program, "/api/overview")[1]["live"]
    deadline = time.monotonic() + 20
    while live["stream_lag"] != 0 and time.monotonic() < deadline:
        time.sleep(0.5)
        live = _get(program, "/api/overview")[1]["live"]
    assert live["parts"] == [
        {"name": name, "fault": ""} for name in ("receiver-0", "store", "drain", "parts", "query", "disk")
    ]
    assert live["stream_lag"] == 0
    assert {"provider": "juhe", "outcome": "malformed", "callbacks": 3} in live["callbacks"]


def test_details_tell_what_the_provider_said(program: Program) -> None:
    """An account's details have its reports by time, the codes behind each reason, and the newest failures, masked."""
    status, data = _get(program, "/api/account?provider=juhe&account=default&range=15m")
    assert status == 200
    assert {kind: sum(data["plot"][kind]) for kind in ("delivered", "failed", "other")} == {
        "delivered": 600,
        "failed": 700,
        "other": 12,
    }
    said = [
        (code["reason"], code["provider_status"], code["reports"], code["meaning"]["persistence"])
        for code in data["codes"]
    ]
    assert said == [("blocklisted", "MA:0001", 700, "permanent"), ("", "MK:0001", 12, "")]
    blocked = data["codes"][0]["meaning"]
    assert (blocked["provider"], blocked["source"]) == ("全局黑名单号码", "the provider's document")
    assert data["countries"] == [{"country": "CN", "finals": 1300, "failures": 700}]
    assert len(data["failures"]) == 20
    assert all(re.fullmatch(r"\+86•{9}\d\d", failure["recipient"]) for failure in data["failures"])


def test_no_number_leaves(program: Program) -> None:
    """No answer of the page shows a posted number in full: not in failures, bodies, queries or details."""
    told = [_get(program, path)[1] for path in ("/api/overview", "/api/account?provider=juhe&account=default")]
    letters = _get(program, "/api/dead-letters")[1]["letters"]
    told += [letters, *(_get(program, f"/api/dead-letters/{letter['id']}")[1] for letter in letters)]
    text = str(told)
    assert len(letters) >= 2
    for number in NUMBERS:
        assert number not in text
        assert number not in re.sub(r"[ \-]", "", text)
    assert "•" in text


def test_a_dead_letter_can_be_read(program: Program) -> None:
    """A letter has its request as text, however often it came; invisible characters are written out."""
    letters = _get(program, "/api/dead-letters?provider=juhe&account=default&range=1h")[1]
    assert letters["next"] is None
    [hostile] = [letter for letter in letters["letters"] if letter["why"] == "not_json"]
    assert hostile["receipts"] == 2
    status, letter = _get(program, f"/api/dead-letters/{hostile['id']}")
    assert status == 200
    assert letter["body"].startswith("<script>document.title='owned'</script>")
    assert letter["body"].endswith("\\u202e+•• •••• ••••56")
    assert letter["path"] == "/callbacks/juhe/default"
    assert "content-length" in dict(letter["headers"])
    assert _get(program, f"/api/dead-letters/{'0' * 32}")[0] == 404


async def test_letters_come_page_by_page(program: Program) -> None:
    """Each letter is on one page, the newest on the first."""
    store = open_client(Settings.model_validate({"query": {"listen": f"127.0.0.1:{program.query_port}"}}))
    details = AccountDetails(Mask(show_numbers=False), letters_a_page=1)
    found: list[str] = []
    after, ended = None, False
    while not ended:
        page = await details.letters(store, LettersParameters(after=after))
        found += [letter["id"] for letter in page["letters"]]
        after, ended = page["next"], page["next"] is None
    await store.close()
    whole = _get(program, "/api/dead-letters")[1]["letters"]
    assert found == [letter["id"] for letter in whole]
    assert len(found) >= 2


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("overview?range=1y", "range: String should match pattern '^(15m|1h|6h|24h|7d|30d)$'"),
        ("overview?range=' OR 1=1", "range: "),
        ("account?range=1h", "provider: Field required; account: Field required"),
        ("account?provider=cm&account=a'b", "account: "),
        ("dead-letters?after=1e3", "after: "),
        ("dead-letters?after=1-0", "after: "),
        ("account?provider=cm&account=", "account: Field required"),
        ("dead-letters?why=nonsense", "why: Input should be 'empty', "),
        ("dead-letters/zz", "id: "),
    ],
)
def test_what_cannot_be_asked_is_said(program: Program, path: str, said: str) -> None:
    """A parameter that can't be used is answered 400, and named."""
    status, data = _get(program, f"/api/{path.replace(' ', '%20')}")
    assert status == 400
    assert data["error"].startswith(said)


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example:8081"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_pages_of_other_sites_get_nothing(program: Program, headers: Mapping[str, str]) -> None:
    """No data is given to another site's page, nor under a name that another site's name server may have given."""
    assert _get(program, "/api/overview", headers)[0] == 403


async def test_files_may_do_nothing_but_their_work(open_page: Open) -> None:
    """The page's files come with a strict policy, are kept until they change, and no others are served."""
    client = await open_page(has_store=False)
    for path in ("/", "/page/page.js"):
        answer = await client.get(path)
        assert answer.status == 200
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        again = await client.get(path, headers={"If-None-Match": answer.headers["ETag"]})
        assert (again.status, await again.read()) == (304, b"")
    for path in ("/page/nothing.js", "/page/..%2fapi.py", "/page/vendor/README.md", "/page/README.md"):
        assert (await client.get(path)).status == 404


async def test_the_token_guards_the_data_but_not_the_files(open_page: Open) -> None:
    """With a token set, the page's files are open and its data needs the token; the host may be any."""
    client = await open_page(has_store=False, admin={"token": "t0ken"})
    for path in ("/", "/page/page.js", "/page/page.css"):
        assert (await client.get(path)).status == 200
    for path in ("/api/overview", "/api/account", "/api/dead-letters", "/api/dead-letters/1", "/page/../metrics"):
        assert (await client.get(path)).status == 401
    bearer = {"Authorization": "Bearer t0ken"}
    assert (await client.get("/api/overview", headers={**bearer, "Host": "status.example.com"})).status == 200
    assert (await client.get("/api/overview", headers={**bearer, "Origin": "http://evil.example"})).status == 403


async def test_without_a_store_the_live_part_is_there(open_page: Open) -> None:
    """A command without a store says so, and shows the state of the program."""
    client = await open_page(has_store=False)
    assert (await client.get("/api/overview", params={"range": "1y"})).status == 400
    data = await (await client.get("/api/overview")).json()
    assert data["store"]["state"] == "none"
    assert {"provider": "cm", "account": "default", "last_callback": 1_790_000_000.0} in data["accounts"]
    assert data["live"]["parts"] == [{"name": "receiver-0", "fault": ""}]
    assert (await client.get("/api/dead-letters")).status == 404


async def test_a_store_that_is_away_is_named(open_page: Open) -> None:
    """If the store can't be reached, the overview has the state of the program alone; other data is answered 503."""
    client = await open_page(query=_away())
    answer = await client.get("/api/overview")
    data = await answer.json()
    assert (answer.status, data["store"]["state"]) == (200, "away")
    assert "can't be reached" in data["store"]["said"]
    assert {account["provider"] for account in data["accounts"]} == {"cm", "juhe", "santo", "cloudsms"}
    letters = await client.get("/api/dead-letters")
    assert (letters.status, (await letters.json())["store"]) == (503, "away")


@pytest.fixture
async def silent_port() -> AsyncIterator[int]:
    """Listen on a port, take whatever is sent, and answer nothing."""
    connections = set[asyncio.StreamWriter]()

    async def take(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.add(writer)

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    for writer in connections:
        writer.close()
        await writer.wait_closed()


async def test_a_store_that_does_not_answer_is_told_at_once(open_page: Open, silent_port: int) -> None:
    """If the store does not answer a query in time, the page says so, and shows the state of the program."""
    client = await open_page(query={"listen": f"127.0.0.1:{silent_port}"})
    data = await (await client.get("/api/overview")).json()
    await client.close()
    assert data["store"]["state"] == "waiting"
    assert data["live"]["parts"] == [{"name": "receiver-0", "fault": ""}]


async def test_a_store_that_takes_too_long_is_called_slow(open_page: Open, silent_port: int) -> None:
    """Data that needs the store is waited for as long as a query may take, then answered 503."""
    client = await open_page(query={"listen": f"127.0.0.1:{silent_port}"}, limits=QueryLimits(wait_seconds=0.1))
    answer = await client.get("/api/dead-letters")
    assert (answer.status, (await answer.json())["store"]) == (503, "slow")


async def test_a_part_that_does_not_answer_delays_nothing() -> None:
    """A part that does not answer its check is shown so after a while, beside the state of the other parts."""

    async def silent() -> str:
        await asyncio.Event().wait()
        return ""

    async def ready() -> str:
        return ""

    live = await read_live({"store": silent, "receiver-0": ready}, Totals(catalogue.ALL), patience_seconds=0.01)
    assert {part["name"]: part["fault"] for part in live.shown["parts"]} == {
        "store": "does not answer",
        "receiver-0": "",
    }


async def test_losses_are_told(open_page: Open) -> None:
    """The page shows how many records the store or Kafka refused for good, and nothing if there are none."""
    quiet = await (await (await open_page(has_store=False)).get("/api/overview")).json()
    assert quiet["live"]["troubles"] == []
    lost = await open_page(has_store=False, counted={"dlr_store_refused": [(("reports",), 2), (("inbound",), 1)]})
    data = await (await lost.get("/api/overview")).json()
    assert data["live"]["troubles"] == [{"what": "Rows refused by the store", "count": 3}]


async def test_the_spill_is_shown_where_there_is_a_kafka(open_page: Open) -> None:
    """An embedded dlrhub says nothing of a spill; with Kafka the page says how many records wait for it."""
    embedded = await (await (await open_page(has_store=False)).get("/api/overview")).json()
    assert embedded["live"]["spill"] is None
    client = await open_page(has_store=False, kafka={"bootstrap_servers": "127.0.0.1:1"})
    assert (await (await client.get("/api/overview")).json())["live"]["spill"] == 0


async def test_a_provider_that_has_to_be_asked_is_shown_once_it_is(open_page: Open) -> None:
    """A provider that calls nobody back is listed where an account of it is set up to be asked."""
    poll = {"app_id": "a", "app_key": "b"}
    client = await open_page(has_store=False, accounts=[{"provider": "cmessages", "poll": poll}])
    data = await (await client.get("/api/overview")).json()
    assert [account["provider"] for account in data["accounts"]] == ["cmessages"]


async def test_a_named_server_is_asked_with_its_user(program: Program, open_page: Open) -> None:
    """A ClickHouse server that the settings name is asked as the user in its URL."""
    client = await open_page(clickhouse={"url": f"http://some%40one:pass%2Fword@127.0.0.1:{program.query_port}"})
    data = await (await client.get("/api/account?provider=juhe&account=default&range=6h")).json()
    assert data["countries"] == [{"country": "CN", "finals": 1300, "failures": 700}]


async def test_numbers_are_shown_where_the_operator_says_so(program: Program, open_page: Open) -> None:
    """With `show_numbers`, numbers are shown in full."""
    client = await open_page(query={"listen": f"127.0.0.1:{program.query_port}"}, admin={"show_numbers": True})
    data = await (await client.get("/api/account?provider=juhe&account=default")).json()
    assert re.fullmatch(r"\+8613800138\d{3}", data["failures"][0]["recipient"])
