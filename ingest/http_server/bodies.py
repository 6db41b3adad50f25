"""
The body of a request: read within a time, and within what all bodies together may take.

A short body is read as it comes. A long one needs a place. While it waits for one it is not read on, and TCP's flow
control stops its sender. Each client has a few of the places, so that it can't take those of others. A body that has a
place has to go on arriving, so that stalled bodies don't hold up others of their own client for long either.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final
from weakref import WeakValueDictionary

from aiohttp import StreamReader, web

from sinks.errors import BusyError

#: A body is read without a place up to this size.
_SHORT_BYTES: Final = 64 * 1024
#: How much of a body that has a place the kernel takes in before it is read; TCP's window depends on it.
_RECEIVE_BYTES: Final = 256 * 1024
#: A body that has a place has to bring so many bytes each time, or its end, in the time that is set for it.
_PIECE_BYTES: Final = 32 * 1024


class TooLargeError(Exception):
    """A body over what a request may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyLimits:
    """
    The bounds of the bodies of one listener in one process.

    A body may have `most` bytes, and take `seconds` to arrive; a long one may wait as long for a place before. There are
    so many `places` for long bodies, and one client may have `places_per_client` of them. A piece of a long body has to
    arrive within `piece_seconds`, or within `scarce_seconds` if its client, or the listener, has no place left.
    """

    most: int
    seconds: float
    places: int = 16
    places_per_client: int = 16
    piece_seconds: float = 2.0
    scarce_seconds: float = 0.5


class BodyReader:
    """Reads the bodies of one listener in one process."""

    def __init__(self, limits: BodyLimits) -> None:
        """Keep to `limits`."""
        self._limits = limits
        self._places = asyncio.Semaphore(limits.places)
        self._by_client: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def read(self, request: web.BaseRequest, client: str) -> bytes:
        """
        Return the body that this client sends, as it is.

        Raises `TooLargeError`, TimeoutError where it takes too long, `BusyError` if it waited for a place in vain.
        """
        content = request.content
        if content.is_eof():  # it came with its head
            body = content.read_nowait()
            self._check(len(body))
            return body
        parts: list[bytes] = []
        if (request.content_length or 0) <= _SHORT_BYTES:
            async with asyncio.timeout(self._limits.seconds):
                await self._read_on(content, parts, up_to=_SHORT_BYTES)
        if not content.at_eof():
            async with self.place(client) as own, asyncio.timeout(self._limits.seconds):
                _widen(request)
                await self._read_pieces(content, parts, own)
        return b"".join(parts)

    async def read_or_refuse(self, request: web.Request) -> bytes:
        """Return the body of a request to an application, as it is after its Content-Encoding; raises HTTP errors."""
        try:
            return await self.read(request, request.remote or "")
        except TooLargeError:
            raise web.HTTPRequestEntityTooLarge(max_size=self._limits.most, text="the body is too large\n") from None
        except TimeoutError:
            raise web.HTTPRequestTimeout(text="the body took too long\n") from None
        except BusyError as error:
            raise web.HTTPServiceUnavailable(text=f"busy: {error}\n", headers={"Retry-After": "10"}) from None

    @asynccontextmanager
    async def place(self, client: str) -> AsyncIterator[asyncio.Semaphore]:
        """Wait for a place and hold it; the block gets its client's places. Raises `BusyError`."""
        own = self._by_client.get(client)
        if own is None:
            own = self._by_client[client] = asyncio.Semaphore(self._limits.places_per_client)
        async with AsyncExitStack() as held:
            try:
                async with asyncio.timeout(self._limits.seconds):
                    await held.enter_async_context(own)
                    await held.enter_async_context(self._places)
            except TimeoutError:
                raise BusyError("too many long bodies arrive at once") from None
            yield own

    async def _read_pieces(self, content: StreamReader, parts: list[bytes], own: asyncio.Semaphore) -> None:
        size = sum(map(len, parts))
        while not content.at_eof():
            scarce = own.locked() or self._places.locked()
            async with asyncio.timeout(self._limits.scarce_seconds if scarce else self._limits.piece_seconds):
                size = await self._read_on(content, parts, up_to=size + _PIECE_BYTES)

    async def _read_on(self, content: StreamReader, parts: list[bytes], *, up_to: int) -> int:
        """Read until so many bytes of the body or more are here, or all; return how many."""
        size = sum(map(len, parts))
        while size < up_to and (part := await content.readany()):
            parts.append(part)
            size += len(part)
            self._check(size)
        return size

    def _check(self, size: int) -> None:
        if size > self._limits.most:
            raise TooLargeError


def _widen(request: web.BaseRequest) -> None:
    """Let the sender of a body have more under way, so that a far one is not slow."""
    if request.transport is not None:
        request.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
