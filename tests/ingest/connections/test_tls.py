"""TLS with real certificates: clients that have to show theirs, and files that are renewed while the receiver runs."""

import asyncio
import shutil
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import structlog
from aiohttp import web

from ingest.background import in_background
from ingest.connections.tls import Certificates
from ingest.http_server.connections import ConnectionLimits
from ingest.http_server.serving import Server, serve
from ingest.metrics.catalogue import Listener
from tests.sinks.kafka.security import Security
from tests.waiting import until

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make certificates")

LOOK_SECONDS = 0.05


@pytest.fixture(scope="session")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Security:
    """Make an authority, and certificates of a server and of a client."""
    return Security(tmp_path_factory.mktemp("ours") / "tls")


@pytest.fixture(scope="session")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Security:
    """Make another authority with certificates of its own."""
    return Security(tmp_path_factory.mktemp("theirs") / "tls")


def install(security: Security, folder: Path, names: tuple[str, ...] = ("server.pem", "server.key", "ca.pem")) -> None:
    """Put files where the server reads them, each in one step as certificate renewals do."""
    for name in names:
        shutil.copy(security.folder / name, folder / "new")
        (folder / "new").replace(folder / name)


@asynccontextmanager
async def serving(folder: Path, *, client_ca: bool) -> AsyncIterator[int]:
    """Serve over TLS with the files of a folder."""

    async def answer(_: web.BaseRequest) -> web.Response:
        return web.Response(text="OK")

    certificates = Certificates(folder / "server.pem", folder / "server.key", folder / "ca.pem" if client_ca else None)
    runner = web.ServerRunner(
        Server(answer, limits=ConnectionLimits(listener=Listener.RECEIVER), tls=certificates.context)
    )
    async with serve(runner, "127.0.0.1", 0) as port, in_background(certificates.watch(LOOK_SECONDS)):
        yield port


async def ask(port: int, *, trusting: Security, showing: Security | None = None) -> bool:
    """Ask over a new connection; tell whether server and client trusted each other."""
    context = ssl.create_default_context(cafile=trusting.ca_file)
    if showing is not None:
        context.load_cert_chain(*showing.client_certificate)
    try:
        reader, writer = await asyncio.open_connection("localhost", port, ssl=context, family=2)
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
        writer.close()
    except (ssl.SSLError, ConnectionError):
        return False
    return answer.endswith(b"OK")


async def test_a_client_has_to_show_its_certificate(tmp_path: Path, ours: Security, theirs: Security) -> None:
    """With `tls_client_ca`, only clients with a certificate of that authority are answered (mutual TLS)."""
    install(ours, tmp_path)
    async with serving(tmp_path, client_ca=True) as port:
        assert await ask(port, trusting=ours, showing=ours)
        assert not await ask(port, trusting=ours)
        assert not await ask(port, trusting=ours, showing=theirs)
    async with serving(tmp_path, client_ca=False) as port:
        assert await ask(port, trusting=ours)
        assert not await ask(port, trusting=theirs)


async def test_a_renewed_certificate_is_used_without_a_restart(
    tmp_path: Path, ours: Security, theirs: Security
) -> None:
    """New connections get the renewed certificate, and clients are checked against the renewed authority alone."""
    install(ours, tmp_path)
    async with serving(tmp_path, client_ca=True) as port:
        assert await ask(port, trusting=ours, showing=ours)
        with structlog.testing.capture_logs() as lines:
            install(theirs, tmp_path)
            await until(lambda: bool(lines) and lines[-1]["event"] == "changed certificates are in use")
            while not await ask(port, trusting=theirs, showing=theirs):
                await asyncio.sleep(LOOK_SECONDS)
        assert not await ask(port, trusting=theirs, showing=ours)
        assert not await ask(port, trusting=ours, showing=theirs)


async def test_files_that_can_not_be_used_change_nothing(tmp_path: Path, ours: Security, theirs: Security) -> None:
    """A certificate without its key, as in the middle of a renewal, leaves the last good one in use, and is logged."""
    install(ours, tmp_path)
    async with serving(tmp_path, client_ca=False) as port:
        with structlog.testing.capture_logs() as lines:
            install(theirs, tmp_path, ("server.pem",))
            await until(lambda: any(line["log_level"] == "error" for line in lines))
        assert await ask(port, trusting=ours)
        install(theirs, tmp_path, ("server.key",))
        async with asyncio.timeout(10):
            while not await ask(port, trusting=theirs):
                await asyncio.sleep(LOOK_SECONDS)
