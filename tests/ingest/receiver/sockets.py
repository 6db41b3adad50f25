"""HTTP as bytes over a socket, for requests that no client library would send."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def connection(url: str, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Streams]:
    """Connect to a server."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port, ssl=tls)
    try:
        yield reader, writer
    finally:
        writer.close()


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Read one answer: its status and its body (status 0 where the connection was closed instead)."""
    try:
        async with asyncio.timeout(10):
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.decode().lower().split("\r\n")
            length = next((int(line.partition(":")[2]) for line in lines if line.startswith("content-length:")), 0)
            return int(head.split()[1]), await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError):
        return 0, b""


async def send(url: str, request: bytes, *, tls: ssl.SSLContext | None = None) -> tuple[int, bytes]:
    """Send bytes on a connection of their own, and read the first answer."""
    async with connection(url, tls=tls) as (reader, writer):
        writer.write(request)
        return await read_answer(reader)
