"""`POST /submissions`: a request is stored whole, or not at all with an answer that lists the faults."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from ingest.admin.server import Admin, make_app
from ingest.connections.streams import LateProducer, open_producer
from ingest.metrics.series import Totals
from ingest.processes.admin import make_submissions
from ingest.settings.settings import Settings
from sinks.errors import BusyError
from sinks.journal.consumer import JournalConsumer
from sinks.journal.writer import Journal
from sinks.stream import Record, Topic

GOOD = {"provider": "santo", "message_id": "m-1", "recipient": "8613800138000", "tags": {"campaign": "autumn"}}

Client = TestClient[web.Request, web.Application]


@asynccontextmanager
async def door(folder: Path, **given: Any) -> AsyncIterator[Client]:
    """Serve the admin listener."""
    settings = Settings.model_validate({"data_dir": folder, **given})
    producer = LateProducer(lambda: open_producer(settings.data_dir, settings.kafka, "admin-test"))
    app = make_app(Admin({}, Totals([])), settings.admin)
    app.router.add_post("/submissions", make_submissions(settings, producer).post)
    try:
        async with TestClient(TestServer(app)) as client:
            yield client
    finally:
        await producer.close()


async def stored(folder: Path) -> list[dict[str, Any]]:
    """Return what is durable."""
    consumer = JournalConsumer(folder / "journal")
    batch = await consumer.read(most=1000, wait_seconds=0)
    await consumer.close()
    assert {record.topic for record in batch.records} <= {Topic.SUBMISSIONS}
    return [orjson.loads(record.value) for record in batch.records]


@pytest.mark.parametrize("body", [GOOD, [GOOD], [GOOD, {**GOOD, "message_id": "m-2"}]])
async def test_one_or_an_array_is_durable_when_it_is_answered(tmp_path: Path, body: Any) -> None:
    """A submission or an array of them is in the stream, fsynced, when it is answered 202."""
    async with door(tmp_path) as client:
        answer = await client.post("/submissions", json=body)
        assert (answer.status, await answer.json()) == (202, {"accepted": len(body) if isinstance(body, list) else 1})
        rows = await stored(tmp_path)
    assert [row["message_id"] for row in rows] == ["m-1", "m-2"][: len(rows)]
    assert (rows[0]["recipient"], rows[0]["country"], rows[0]["tags"]) == (
        "+8613800138000",
        "CN",
        {"campaign": "autumn"},
    )


async def test_one_bad_submission_keeps_all_out(tmp_path: Path) -> None:
    """A request with a fault stores nothing, and the answer names every fault with its path."""
    body = [GOOD, {**GOOD, "recipient": ""}, {**GOOD, "provider": "nobody"}]
    async with door(tmp_path) as client:
        answer = await client.post("/submissions", json=body)
        assert answer.status == 400
        assert await answer.json() == {
            "accepted": 0,
            "faults": [
                {"path": "$[1].recipient", "why": "missing_field", "detail": "is missing"},
                {"path": "$[2].provider", "why": "bad_value", "detail": "is no provider that has an account"},
            ],
            "more_faults": 0,
        }
    assert await stored(tmp_path) == []


async def test_faults_are_listed_up_to_a_hundred(tmp_path: Path) -> None:
    """An answer does not grow without bound, and says how many faults it leaves out."""
    async with door(tmp_path) as client:
        answer = await (await client.post("/submissions", json=[{}] * 250)).json()
    assert (len(answer["faults"]), answer["more_faults"]) == (100, 150)


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 400), (b"[", 400), (b"5", 400), (b"[]", 202), (b"[" + b" " * 3000 + b"]", 413)],
)
async def test_whatever_is_posted_is_answered(tmp_path: Path, body: bytes, status: int) -> None:
    """A body that is no JSON, or too large, is refused with the reason; an empty array is nothing to store."""
    async with door(tmp_path, receiver={"max_body_bytes": 2000}) as client:
        assert (await client.post("/submissions", data=body)).status == status


async def test_a_token_is_asked_for_where_one_is_set(tmp_path: Path) -> None:
    """With a token set, nothing is taken in without it."""
    async with door(tmp_path, admin={"token": "s3cret"}) as client:
        for headers in ({}, {"Authorization": "Bearer other"}):
            assert (await client.post("/submissions", json=GOOD, headers=headers)).status == 401
        good = await client.post("/submissions", json=GOOD, headers={"Authorization": "Bearer s3cret"})
        assert good.status == 202
    assert len(await stored(tmp_path)) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "rebound.example:8081"},
    ],
)
async def test_a_web_page_can_not_submit(tmp_path: Path, headers: dict[str, str]) -> None:
    """Without a token, a page of another site in the operator's browser can't submit either."""
    async with door(tmp_path) as client:
        answer = await client.post("/submissions", data=orjson.dumps(GOOD), headers=headers)
        assert answer.status == 403
    assert await stored(tmp_path) == []


async def test_what_can_not_be_made_durable_is_not_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream that takes nothing is answered 503 with a Retry-After."""

    async def append(_: Journal, records: Sequence[Record]) -> None:
        raise BusyError(f"no room for {len(records)}")

    monkeypatch.setattr(Journal, "append", append)
    async with door(tmp_path) as client:
        answer = await client.post("/submissions", json=GOOD)
        assert (answer.status, answer.headers["Retry-After"]) == (503, "10")


async def test_an_account_that_is_not_ours_is_told_so(tmp_path: Path) -> None:
    """With accounts in the settings, a submission has to name one of them."""
    accounts = [{"provider": "santo", "name": "acme", "open": True}]
    async with door(tmp_path, accounts=accounts) as client:
        assert (await client.post("/submissions", json=GOOD)).status == 400
        assert (await client.post("/submissions", json={**GOOD, "account": "acme"})).status == 202


async def test_a_slow_body_is_given_up(tmp_path: Path) -> None:
    """A body that does not come in time is answered 408."""

    async def slowly() -> AsyncIterator[bytes]:
        yield b"["
        import asyncio  # noqa: PLC0415

        await asyncio.sleep(2)
        yield b"]"

    async with door(tmp_path, receiver={"body_timeout_s": 0.2}) as client:
        try:
            assert (await client.post("/submissions", data=slowly())).status == 408
        except aiohttp.ClientOSError:
            pytest.fail("it was not answered")
