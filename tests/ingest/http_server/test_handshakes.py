"""TLS handshakes: they cost a stranger's address a place, and have to end in time."""

import asyncio
import contextlib
import shutil
import ssl
from contextlib import AsyncExitStack

import pytest
import structlog

from ingest.connections.tls import server_context
from ingest.metrics.catalogue import CONNECTIONS
from tests.ingest.http_server.test_connections import GOOD, is_closed
from tests.ingest.receiver.conftest import Post, StartReceiver
from tests.ingest.receiver.sockets import connection, send
from tests.sinks.kafka.security import Security
from tests.waiting import until

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make certificates")


@pytest.fixture(scope="session")
def security(tmp_path_factory: pytest.TempPathFactory) -> Security:
    """Make an authority, and a certificate of a server."""
    return Security(tmp_path_factory.mktemp("handshakes") / "tls")


async def start(start_receiver: StartReceiver, security: Security, **limits: float) -> Post:
    """Start a receiver that serves over TLS."""
    tls = server_context(security.folder / "server.pem", security.folder / "server.key", None)
    return await start_receiver(tls=tls, receiver=limits)


async def post_over_tls(post: Post, security: Security) -> tuple[int, bytes]:
    """Post a good callback over a connection of its own."""
    context = ssl.create_default_context(cafile=security.ca_file)
    return await send(post.url.replace("http://127.0.0.1", "https://localhost"), GOOD, tls=context)


async def test_callbacks_come_over_tls(start_receiver: StartReceiver, security: Security) -> None:
    """A connection over TLS is answered as any other, and gives its place back."""
    post = await start(start_receiver, security, max_connections_per_address=1)
    for _ in range(3):
        assert await post_over_tls(post, security) == (200, b"OK")
        await until(lambda: CONNECTIONS.values.get(("receiver",)) == 0)


@pytest.mark.parametrize("begun", [b"", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"])
async def test_a_handshake_has_to_end_in_time(start_receiver: StartReceiver, security: Security, begun: bytes) -> None:
    """A client that begins no handshake, or half of one, is disconnected when the time for a head is over."""
    post = await start(start_receiver, security, header_timeout_s=0.2)
    with structlog.testing.capture_logs() as lines:
        async with connection(post.url) as (reader, writer):
            writer.write(begun)
            async with asyncio.timeout(5):
                assert await reader.read() == b""
    assert [line["cause"] for line in lines] == ["slow_head"]


async def test_handshakes_make_room_for_others(start_receiver: StartReceiver, security: Security) -> None:
    """Connections in a handshake count among those of their address: the oldest one is closed beyond the bound."""
    post = await start(start_receiver, security, max_connections_per_address=5)
    async with AsyncExitStack() as opened:
        with structlog.testing.capture_logs() as lines:
            silent = [await opened.enter_async_context(connection(post.url)) for _ in range(12)]
            await until(lambda: len(lines) > 0)
            assert await post_over_tls(post, security) == (200, b"OK")
        assert await is_closed(silent[0])
        assert not await is_closed(silent[-1])
    assert lines[0]["event"] == "too many connections: one is closed"


@pytest.mark.parametrize("said", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x00" * 500])
async def test_a_client_that_does_not_speak_tls_is_disconnected(
    start_receiver: StartReceiver, security: Security, said: bytes
) -> None:
    """What is no handshake ends the connection and gives its place back, and others are answered."""
    post = await start(start_receiver, security, max_connections_per_address=1)
    async with connection(post.url) as (reader, writer):
        writer.write(said)
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(5):
                await reader.read()
    await until(lambda: CONNECTIONS.values.get(("receiver",)) == 0)
    assert await post_over_tls(post, security) == (200, b"OK")
