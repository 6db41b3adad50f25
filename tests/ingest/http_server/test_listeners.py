"""The listeners for operators and analysts have the receiver's bounds of connections, with values of their own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest
import structlog
from aiohttp import web

from ingest.admin import server as admin
from ingest.metrics import catalogue
from ingest.query import server as query
from tests.ingest.http_server.test_connections import is_closed
from tests.ingest.receiver.sockets import Streams, connection, read_answer, send
from tests.waiting import until

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LISTENERS = {"admin": (admin.serve_app, admin.CONNECTION_LIMITS), "query": (query.serve_app, query.CONNECTION_LIMITS)}

Start = Callable[..., Awaitable[str]]


@pytest.fixture(params=LISTENERS)
def listener(request: pytest.FixtureRequest) -> str:
    """Name each listener."""
    return str(request.param)


@pytest.fixture
async def start(listener: str) -> AsyncIterator[Start]:
    """Serve some long answer by a listener's own function; the test may change its limits."""
    serve_app, limits = LISTENERS[listener]

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=bytes(300_000))

    async with AsyncExitStack() as running:

        async def begin(**changed: Any) -> str:
            app = web.Application()
            app.router.add_get("/", answer)
            serving = serve_app(app, "127.0.0.1", 0, connection_limits=replace(limits, **changed))
            return f"http://127.0.0.1:{await running.enter_async_context(serving)}"

        yield begin


async def open_some(opened: AsyncExitStack, url: str, begun: bytes, count: int) -> list[Streams]:
    """Open connections, each with the begin of a request."""
    streams = [await opened.enter_async_context(connection(url)) for _ in range(count)]
    for _, writer in streams:
        writer.write(begun)
    return streams


async def test_trickled_connections_shut_nobody_out(listener: str, start: Start) -> None:
    """More trickled connections than a listener takes make room for requests; a log line and two metrics say so."""
    url = await start()
    before = catalogue.REFUSED.values.get((listener, "connections"), 0)
    limits = LISTENERS[listener][1]
    async with AsyncExitStack() as opened:
        with structlog.testing.capture_logs() as lines:
            trickles = await open_some(opened, url, b"G", limits.most_per_address + 20)
            assert (await send(url, GET))[0] == 200
        assert catalogue.REFUSED.values[(listener, "connections")] >= before + 20
        assert catalogue.CONNECTIONS.values[(listener,)] <= limits.most_per_address
        assert await is_closed(trickles[0])
    assert [(line["event"], line["listener"]) for line in lines] == [("too many connections: one is closed", listener)]


async def test_a_head_has_to_arrive_in_time(listener: str, start: Start) -> None:
    """A head that does not end in time is answered 408."""
    url = await start(head_seconds=0.2)
    assert (await send(url, GET[:-2]))[0] == 408
    assert catalogue.REFUSED.values[(listener, "slow_head")] > 0


async def test_unfinished_heads_are_bounded_together(start: Start) -> None:
    """If the heads that are on their way become too large together, the oldest of the long ones makes room."""
    url = await start(heads_bytes=200_000)
    head = b"GET / HTTP/1.1\r\nHost: x\r\n" + (b"A: " + b"x" * 8000 + b"\r\n") * 9
    async with AsyncExitStack() as opened:
        [short] = await open_some(opened, url, b"GET / HTTP/1.1\r\n", 1)
        long = await open_some(opened, url, head, 4)
        await until(lambda: long[0][0].at_eof() or long[0][0].exception() is not None)
        assert not await is_closed(short)
        long[-1][1].write(b"\r\n")
        assert (await read_answer(long[-1][0]))[0] == 200
        short[1].write(GET)
        assert (await read_answer(short[0]))[0] == 400


async def test_a_client_that_reads_no_answer_is_disconnected(listener: str, start: Start) -> None:
    """A connection whose client sends requests and reads no answers is closed, and makes room before all others."""
    url = await start(unread_seconds=0.3)
    before = catalogue.REFUSED.values.get((listener, "slow_head"), 0)
    async with connection(url) as (_, writer):
        writer.write(GET * 200)
        await until(lambda: catalogue.REFUSED.values.get((listener, "slow_head"), 0) > before)
        await until(lambda: catalogue.CONNECTIONS.values[(listener,)] == 0)
    await asyncio.sleep(0)
