"""A callback's Content-Encoding: undone within bounds, away from the event loop."""

import asyncio
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from ingest.http_server.bodies import TooLargeError
from normalizers.errors import Fault, MalformedError

#: `zlib`'s window: gzip or zlib by its header, and deflate without a header.
_WITH_HEADER: Final = 47
_RAW: Final = -15
_CHUNK_BYTES: Final = 64 * 1024


class UnsupportedEncodingError(Exception):
    """A Content-Encoding that can't be undone here."""


class BrokenBodyError(MalformedError):
    """A compressed body that is damaged; `rest` is the part that could be decompressed, else the body as it came."""

    def __init__(self, rest: bytes) -> None:
        """Keep what can be read."""
        super().__init__(Fault.BAD_VALUE, "body", "is not what its Content-Encoding says")
        self.rest = rest


class Decompressor:
    """Decompresses the bodies of one receiver process, one after the other in a thread."""

    def __init__(self, most: int) -> None:
        """Allow each body `most` bytes."""
        self._most = most
        self._thread = ThreadPoolExecutor(1, "inflate")

    async def decompress(self, body: bytes, encoding: str) -> bytes:
        """
        Undo a Content-Encoding.

        Raises `TooLargeError`, `UnsupportedEncodingError` and `BrokenBodyError`.
        """
        if encoding not in {"gzip", "x-gzip", "deflate"}:
            raise UnsupportedEncodingError
        return await asyncio.get_running_loop().run_in_executor(self._thread, inflate, body, self._most)


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
