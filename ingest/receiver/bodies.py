"""
A callback's body: read within a time and within what all bodies together may take, and decompressed.

A body that came with its head is at hand and costs nothing. The others are added up while they arrive. While the sum is
too large, long bodies are not read on: they wait for room, so that a crowd of slow bodies can't keep short ones out.
"""

import asyncio
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from aiohttp import StreamReader, web

from normalizers.errors import Fault, MalformedError
from sinks.errors import BusyError

#: `zlib`'s window: gzip or zlib by its header, and deflate without a header.
_WITH_HEADER: Final = 47
_RAW: Final = -15
#: A body is read without waiting for room up to this size.
_SHORT_BYTES: Final = 64 * 1024
_CHUNK_BYTES: Final = 64 * 1024


class TooLargeError(Exception):
    """A body over what a callback may have."""


class UnsupportedEncodingError(Exception):
    """A Content-Encoding that can't be undone here."""


class BrokenBodyError(MalformedError):
    """A compressed body that is damaged; `rest` is the part that could be decompressed, else the body as it came."""

    def __init__(self, rest: bytes) -> None:
        """Keep what can be read."""
        super().__init__(Fault.BAD_VALUE, "body", "is not what its Content-Encoding says")
        self.rest = rest


class BodyReader:
    """Reads the bodies of one receiver process."""

    def __init__(self, *, most: int, most_together: int, seconds: float) -> None:
        """Allow each body `most` bytes and `seconds`, and all that are on their way `most_together` bytes."""
        self._most = most
        self._most_together = most_together
        self._seconds = seconds
        self._together = 0
        self._freed = asyncio.Event()
        self._inflater = ThreadPoolExecutor(1, "inflate")

    async def read(self, request: web.BaseRequest) -> bytes:
        """
        Return the body as it was sent.

        Raises `TooLargeError`, TimeoutError where it takes too long, `BusyError` if it waited for room in vain.
        """
        content = request.content
        if content.is_eof():
            body = content.read_nowait()
            if len(body) > self._most:
                raise TooLargeError
            return body
        parts: list[bytes] = []
        try:
            async with asyncio.timeout(self._seconds):
                await self._read_parts(content, parts)
        except TimeoutError:
            if self._is_full(sum(map(len, parts))):
                raise BusyError("too much arrives at once") from None
            raise
        finally:
            self._together -= sum(map(len, parts))
            self._freed.set()
        return b"".join(parts)

    async def _read_parts(self, content: StreamReader, parts: list[bytes]) -> None:
        size = 0
        while part := await content.readany():
            parts.append(part)
            size += len(part)
            self._together += len(part)
            if size > self._most:
                raise TooLargeError
            while self._is_full(size):
                self._freed.clear()
                await self._freed.wait()

    def _is_full(self, size: int) -> bool:
        """Tell whether a body of which so much is here has to wait for room."""
        return size > _SHORT_BYTES and self._together > self._most_together

    async def decompress(self, body: bytes, encoding: str) -> bytes:
        """
        Undo a Content-Encoding, away from the event loop.

        Raises `TooLargeError`, `UnsupportedEncodingError` and `BrokenBodyError`.
        """
        if encoding not in {"gzip", "x-gzip", "deflate"}:
            raise UnsupportedEncodingError
        return await asyncio.get_running_loop().run_in_executor(self._inflater, inflate, body, self._most)

    def close(self) -> None:
        """End the thread that decompresses."""
        self._inflater.shutdown(wait=False, cancel_futures=True)


def inflate(body: bytes, most: int) -> bytes:
    """Decompress gzip (of several members, too), zlib or raw deflate; raises `TooLargeError` and `BrokenBodyError`."""
    plain = bytearray()
    rest = body
    while rest:
        unpacking = zlib.decompressobj(_WITH_HEADER if plain or _has_header(body) else _RAW)
        try:
            rest = _inflate_member(unpacking, rest, plain, most)
        except zlib.error:
            raise BrokenBodyError(bytes(plain) or body) from None
        if not unpacking.eof:
            raise BrokenBodyError(bytes(plain) or body)
    return bytes(plain)


def _inflate_member(unpacking: "zlib._Decompress", packed: bytes, plain: bytearray, most: int) -> bytes:
    """Add what one compressed stream holds to `plain`, and return what follows the stream."""
    while not unpacking.eof:
        part = unpacking.decompress(packed, _CHUNK_BYTES)
        packed = unpacking.unconsumed_tail
        plain += part
        if len(plain) > most:
            raise TooLargeError
        if not part and not packed:
            break  # cut short
    return unpacking.unused_data


def _has_header(body: bytes) -> bool:
    """Tell whether a stream begins as gzip (RFC 1952) or zlib (RFC 1950) does, which clients leave out of `deflate`."""
    return body[:2] == b"\x1f\x8b" or (len(body) > 1 and body[0] & 0x0F == 8 and int.from_bytes(body[:2]) % 31 == 0)  # noqa: PLR2004 - RFC 1950, section 2.2
