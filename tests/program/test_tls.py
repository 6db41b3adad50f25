"""The running receiver over TLS, on its own event loop."""

import asyncio
import shutil
import ssl
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.ingest.http_server.test_connections import GOOD
from tests.ingest.receiver.sockets import connection, send
from tests.program.running import Program
from tests.sinks.kafka.security import Security


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make certificates")
async def test_callbacks_pass_unfinished_handshakes(tmp_path: Path) -> None:
    """Callbacks over TLS are answered while an address holds too many handshakes open, which are closed in time."""
    security = Security(tmp_path / "tls")
    settings = {
        "DLRHUB_RECEIVER__TLS_CERT": str(security.folder / "server.pem"),
        "DLRHUB_RECEIVER__TLS_KEY": str(security.folder / "server.key"),
        "DLRHUB_RECEIVER__MAX_CONNECTIONS_PER_ADDRESS": "20",
        "DLRHUB_RECEIVER__HEADER_TIMEOUT_S": "2",
    }
    context = ssl.create_default_context(cafile=security.ca_file)
    context.check_hostname = False
    with Program(tmp_path, ("ingest",), settings) as program:
        url = f"https://127.0.0.1:{program.receiver}"
        async with AsyncExitStack() as opened:
            held = [await opened.enter_async_context(connection(url)) for _ in range(40)]
            for _, writer in held[::2]:
                writer.write(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc")
            for _ in range(5):
                assert await send(url, GOOD, tls=context) == (200, b"OK")
            async with asyncio.timeout(20):
                ended = await asyncio.gather(*(reader.read() for reader, _ in held), return_exceptions=True)
        assert all(end == b"" or isinstance(end, ConnectionError) for end in ended)
        log = program.log.read_text()
    assert "too many connections: one is closed" in log
    assert "sends no request, or reads no answer, in time" in log
    assert "rror" not in log
