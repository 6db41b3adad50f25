"""Connections: what they cost before their client is known, and who has to make room."""

import asyncio
import contextlib
from contextlib import AsyncExitStack

import pytest
import structlog
from aiohttp import web

from tests.ingest.receiver.callbacks import JUHE
from tests.ingest.receiver.conftest import StartReceiver
from tests.ingest.receiver.sockets import Streams, connection, read_answer, send
from tests.waiting import until

GOOD = b"POST /callbacks/juhe HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(JUHE), JUHE)


async def is_closed(streams: Streams) -> bool:
    """Tell whether the server hangs up within moments."""
    try:
        async with asyncio.timeout(0.2):
            return await streams[0].read() == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


@pytest.mark.parametrize(
    ("begun", "status"), [(b"", 0), (b"GET /callb", 408), (b"GET / HTTP/1.1\r\nHost: x\r\nA: b", 408)]
)
async def test_a_head_has_to_arrive_in_time(start_receiver: StartReceiver, begun: bytes, status: int) -> None:
    """A connection whose first or next request does not begin or end in time is closed, 408 where it had begun."""
    post = await start_receiver(receiver={"header_timeout_s": 0.2})
    with structlog.testing.capture_logs() as lines:
        assert (await send(post.url, begun))[0] == status
    assert [line["cause"] for line in lines] == ["slow_head"]


async def test_a_head_is_bounded_as_a_whole(start_receiver: StartReceiver) -> None:
    """A head of many long lines is refused before it takes more than some memory, and good heads are long enough."""
    post = await start_receiver()
    line = b"A: " + b"x" * 8000 + b"\r\n"
    assert (await send(post.url, b"GET /callbacks/cm HTTP/1.1\r\nHost: x\r\n" + line * 4 + b"\r\n"))[0] == 400
    async with connection(post.url) as (reader, writer):
        writer.write(b"GET /callbacks/cm HTTP/1.1\r\nHost: x\r\n")
        for _ in range(17):
            writer.write(line)
            await writer.drain()
        assert (await read_answer(reader))[0] == 431


@pytest.mark.parametrize("path", [b"juhe", b"juhe/default/wrong", b"nobody"])
@pytest.mark.parametrize("at_once", [True, False])
async def test_a_body_of_tiny_chunks_is_refused(start_receiver: StartReceiver, path: bytes, *, at_once: bool) -> None:
    """Chunks of a byte each cost too much to parse: such a body is refused, whoever sends it; longer chunks are read."""
    post = await start_receiver()
    head = b"POST /callbacks/%s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n"
    async with connection(post.url) as (reader, writer):
        writer.write(head % path)
        if not at_once:
            await writer.drain()
            await asyncio.sleep(0.1)
        writer.write(b"1\r\n \r\n" * 20_000)
        assert (await read_answer(reader))[0] in {400, 404}
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
    chunk = b"64\r\n" + b" " * 100 + b"\r\n"
    good = b"%x\r\n%s\r\n0\r\n\r\n" % (len(JUHE), JUHE)
    assert await send(post.url, head % b"juhe" + chunk * 500 + good) == (200, b"OK")


async def test_a_body_of_many_short_lines_is_read(start_receiver: StartReceiver) -> None:
    """Ends of line in a body that is not chunked mean nothing, whatever words it holds."""
    post = await start_receiver()
    body = JUHE[:-1] + b"\r\n" * 5000 + b"]"
    request = b"POST /callbacks/juhe HTTP/1.1\r\nHost: chunked.example\r\nContent-Length: %d\r\n\r\n" % len(body)
    async with connection(post.url) as (reader, writer):
        writer.write(request)
        await asyncio.sleep(0.1)
        writer.write(body)
        assert await read_answer(reader) == (200, b"OK")


async def test_a_connection_between_requests_is_kept(start_receiver: StartReceiver) -> None:
    """The time for a head counts from its first byte: a kept connection may be idle for longer."""
    post = await start_receiver(receiver={"header_timeout_s": 0.2})
    async with connection(post.url) as (reader, writer):
        for _ in range(2):
            writer.write(GOOD)
            assert await read_answer(reader) == (200, b"OK")
            await asyncio.sleep(0.5)


@pytest.mark.parametrize("bound", ["max_connections", "max_connections_per_address"])
async def test_silent_connections_make_room_for_good_ones(start_receiver: StartReceiver, bound: str) -> None:
    """Over the bound, the connection that was silent for longest is closed, never one whose callback was admitted."""
    post = await start_receiver(receiver={bound: 10})
    async with AsyncExitStack() as opened:
        good = await opened.enter_async_context(connection(post.url))
        good[1].write(GOOD)
        assert await read_answer(good[0]) == (200, b"OK")
        with structlog.testing.capture_logs() as lines:
            silent = [await opened.enter_async_context(connection(post.url)) for _ in range(30)]
            await until(lambda: bool(lines))
            assert await send(post.url, GOOD) == (200, b"OK")
        good[1].write(GOOD)
        assert await read_answer(good[0]) == (200, b"OK")
        assert await is_closed(silent[0])
        assert not await is_closed(silent[-1])
    assert lines[0]["event"] == "too many connections: one is closed"


async def test_a_trusted_proxy_may_open_more(start_receiver: StartReceiver) -> None:
    """The bound of one address is not for a trusted proxy, which connects for many clients."""
    post = await start_receiver(receiver={"max_connections_per_address": 2, "trusted_proxies": ["127.0.0.1/32"]})
    async with AsyncExitStack() as opened:
        silent = [await opened.enter_async_context(connection(post.url)) for _ in range(5)]
        assert await send(post.url, GOOD) == (200, b"OK")
        assert not any([await is_closed(one) for one in silent])


def test_the_private_attributes_of_aiohttp_are_there() -> None:
    """The installed version of aiohttp has the private state that a connection reads."""
    assert {"_messages", "_request_count", "_current_request", "_loop"} <= {
        name for parent in web.RequestHandler.__mro__ for name in getattr(parent, "__slots__", ())
    }
