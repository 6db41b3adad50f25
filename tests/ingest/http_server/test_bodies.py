"""Bodies: long ones wait for a place without being read, and stalled ones lose theirs."""

import asyncio
import socket
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.ingest.http_server.test_connections import GOOD
from tests.ingest.receiver.conftest import Post, StartReceiver
from tests.ingest.receiver.sockets import Streams, connection, read_answer, send

LENGTH = 900_000
LONG = b"[" + b" " * (LENGTH - 2) + b"]"


def head(client: str = "192.0.2.1", length: int = LENGTH) -> bytes:
    """Return the head of a request with a long body, which a proxy passes on for a client."""
    lines = f"POST /callbacks/juhe HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {client}\r\nContent-Length: {length}\r\n\r\n"
    return lines.encode()


@pytest.fixture
async def opened() -> Any:
    """Close the test's connections at its end."""
    async with AsyncExitStack() as stack:
        yield stack


async def start(start_receiver: StartReceiver, **limits: Any) -> Post:
    """Start a receiver with places for four long bodies, one of them for one client."""
    bounds = {"max_receiving_bytes": 4_000_000, "max_body_bytes": 1_000_000, "trusted_proxies": ["127.0.0.1/32"]}
    return await start_receiver(receiver={**bounds, **limits})


async def stall(opened: AsyncExitStack, url: str, count: int, client: str = "192.0.2.1") -> list[Streams]:
    """Send so many long bodies but for their last byte."""
    stalled = [await opened.enter_async_context(connection(url)) for _ in range(count)]
    for _, writer in stalled:
        writer.write(head(client) + LONG[:-1])
    return stalled


async def test_long_bodies_wait_for_a_place(start_receiver: StartReceiver, opened: AsyncExitStack) -> None:
    """A long body that waits for a place in vain is answered 503, and short ones are read meanwhile."""
    post = await start(start_receiver, body_timeout_s=0.3)
    stalled = [body for number in range(40) for body in await stall(opened, post.url, 1, client=f"192.0.2.{number}")]
    assert await send(post.url, GOOD) == (200, b"OK")
    assert {(await read_answer(reader))[0] for reader, _ in stalled} == {408, 503}


async def test_a_stalled_body_loses_its_place(start_receiver: StartReceiver, opened: AsyncExitStack) -> None:
    """If the places of a client are taken, a body that does not go on arriving is answered 408, and the next is read."""
    post = await start(start_receiver, body_timeout_s=60)
    stalled = await stall(opened, post.url, 6)
    assert await send(post.url, head() + LONG) == (200, b"OK")
    assert {(await read_answer(reader))[0] for reader, _ in stalled} == {408}


async def test_a_client_takes_no_places_of_others(start_receiver: StartReceiver, opened: AsyncExitStack) -> None:
    """However many bodies one client stalls, the long body of another client is read."""
    post = await start(start_receiver, body_timeout_s=3)
    await stall(opened, post.url, 100, client="192.0.2.1")
    assert await send(post.url, head("192.0.2.2") + LONG) == (200, b"OK")


async def test_a_body_that_waits_is_not_read(start_receiver: StartReceiver, opened: AsyncExitStack) -> None:
    """A long body that has no place stays with its sender, but for some buffers."""
    post = await start(start_receiver)
    await stall(opened, post.url, 40)
    with socket.create_connection((urlsplit(post.url).hostname, urlsplit(post.url).port)) as plain:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        plain.settimeout(0)
        request, sent, waits = head() + LONG, 0, 0
        while waits < 20 and sent < len(request):
            try:
                sent, waits = sent + plain.send(request[sent:]), 0
            except BlockingIOError:
                waits += 1
                await asyncio.sleep(0.01)
        assert sent < 200_000


async def test_a_body_without_a_length_is_read(start_receiver: StartReceiver) -> None:
    """A chunked body needs a place once it has become long, and is refused by 413 beyond what a body may have."""
    post = await start(start_receiver)
    begin = b"POST /callbacks/juhe HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    assert await send(post.url, begin + chunk * 10 + b"2\r\n[]\r\n0\r\n\r\n") == (200, b"OK")
    assert (await send(post.url, begin + chunk * 20 + b"2\r\n[]\r\n0\r\n\r\n"))[0] == 413
