"""
A provider's connection to the receiver, and how many of them there may be.

Anybody may open a connection, so that each costs little: the head of a request has to arrive in time, and if too many
connections are open, the one that has sent nothing useful for longest is closed to make room. Connections over which a
callback was admitted are closed last.
"""

import asyncio
import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final

import structlog
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_protocol import RequestPayloadError

from ingest.http_server import HttpConnection
from ingest.logs import SeldomLog
from ingest.metrics import catalogue
from ingest.metrics.catalogue import Refusal
from ingest.receiver.access import within
from ingest.settings.values import Network

_seldom = SeldomLog(structlog.get_logger(__name__))

_SWEEP_SECONDS: Final = 0.5
_CLOSING: Final = b"HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_TOO_SLOW: Final = _CLOSING % b"408 Request Timeout"
_TOO_LONG: Final = _CLOSING % b"431 Request Header Fields Too Large"
_TOO_FINE: Final = _CLOSING % b"400 Bad Request"
#: A head may have so many bytes, within which aiohttp bounds lines and their number.
_MOST_HEAD_BYTES: Final = 128 * 1024
#: Parsing a chunk costs a microsecond, and so a megabyte of chunks of one byte most of a second. Chunks have to be so
#: long on average, counted in pieces of so many bytes at least.
_LEAST_CHUNK_BYTES: Final = 24
_COUNTED_BYTES: Final = 4096
_PENALTY_SECONDS: Final = 1.0
_BEYOND_ASCII: Final = re.compile(rb"[\x80-\xff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """
    How many connections may be open, in all and from one address, and for how long a request's head may take.

    Connections from `proxies` stand for many clients, and count in all only.
    """

    most: int = 4096
    most_per_address: int = 1024
    head_seconds: float = 10.0
    proxies: tuple[Network, ...] = ()


class CallbackConnection(HttpConnection):
    """
    One connection to the receiver.

    `head_since` is when the head began that has not arrived whole, 0 between requests and while a body arrives. The time
    for a first head counts from the opening of the connection, and so includes a TLS handshake.
    """

    def __init__(self, *args: Any, connections: "Connections", **options: Any) -> None:
        """Be one of `connections`; the rest is aiohttp's."""
        super().__init__(*args, **options)
        self._connections = connections
        self._payload = EMPTY_PAYLOAD
        self._in_request_line = True
        self._head_began = False
        self._head_bytes = 0
        self._refused = False
        self._chunked = False
        self.address = ""
        self.admitted = False
        self._has_place = False

    def take_place(self, peer: tuple[Any, ...] | None, abort: Callable[[], object]) -> None:
        """Count among the connections of an address; `abort` ends this one before `connection_made`."""
        self._has_place = True
        self.active_at = self.head_since = self._loop.time()
        self.address = (peer or ("",))[0]
        self._abort = abort
        self._connections.opened(self)

    def leave_place(self) -> None:
        """Give the place back."""
        self._connections.closed(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a place among the connections, unless that was done before the TLS handshake."""
        super().connection_made(transport)
        abort = transport.abort  # type: ignore[attr-defined] # of a server's transport
        if self._has_place:
            self._abort = abort
        else:
            self.take_place(transport.get_extra_info("peername"), abort)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Give the place back."""
        self.leave_place()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed aiohttp's parser; bytes beyond ASCII in a request's target, which it refuses, are percent-encoded."""
        if self._refused:
            return
        before, handled = self._payload, self._request_count
        in_body = not before.is_eof()
        if _is_too_fine(data) and (self._chunked if in_body else b"chunked" in data.lower()):
            self._refuse(_TOO_FINE, "chunks of some bytes each")
            return
        if self._in_request_line and not in_body and not data.isascii():
            data = _with_ascii_target(data)
        super().data_received(data)
        if self._messages:
            message, self._payload = self._messages[-1]
            self._chunked = getattr(message, "chunked", False)  # what the parser refused has no such attribute
        if self._request_count != handled or in_body:
            self._in_request_line, self._head_began, self.head_since, self._head_bytes = True, False, 0.0, 0
            if self._payload is not before and not before.is_eof():
                before.set_exception(RequestPayloadError("the parser refused its continuation"))
                before.feed_eof()
        elif data:
            self._await_rest_of_head(data)
        self.active_at = self._loop.time()

    def _await_rest_of_head(self, data: bytes) -> None:
        self._in_request_line = self._in_request_line and b"\n" not in data.lstrip()
        self._head_began = True
        self._head_bytes += len(data)
        self.head_since = self.head_since or self._loop.time()
        if self._head_bytes > _MOST_HEAD_BYTES:
            self._refuse(_TOO_LONG, "a head that does not end")

    def _refuse(self, answer: bytes, error: str) -> None:
        """Read no more of a request that costs too much to parse, and answer it later: its sender can't try at once."""
        catalogue.count_refused(Refusal.NOT_HTTP)
        _seldom.warning("request refused", cause=Refusal.NOT_HTTP, error=error, client=self.address)
        self._refused = True
        if self.transport is not None:
            self.transport.pause_reading()
        self._loop.call_later(_PENALTY_SECONDS, self._close_with, answer)

    def _close_with(self, answer: bytes) -> None:
        if self.transport is not None:
            self.transport.write(answer)
        self.force_close()

    def spared_after(self) -> tuple[int, float] | None:
        """Return the order in which connections are closed to make room; None while a callback is being stored."""
        if not self._payload.is_eof():
            return 2, self.active_at  # a body is on its way
        if self._current_request is not None or self._messages:
            return None
        if self.admitted:
            return 3, self.active_at
        return (0, self.head_since) if self.head_since else (1, self.active_at)

    def give_up(self) -> None:
        """Answer 408 to a head that did not arrive in time, and close."""
        if self.transport is None:
            self.abort()
        else:
            if self._head_began and self._current_request is None:
                self.transport.write(_TOO_SLOW)
            self.force_close()

    def abort(self) -> None:
        """Close at once."""
        self._abort()


def _is_too_fine(data: bytes) -> bool:
    """Tell whether a part of a chunked body consists of very short chunks, each of which has two ends of line."""
    return len(data) > _COUNTED_BYTES and data.count(b"\r\n") * _LEAST_CHUNK_BYTES > 2 * len(data)


def _with_ascii_target(data: bytes) -> bytes:
    """
    Percent-encode the bytes beyond ASCII up to the end of the first line.

    Providers put text in GBK, Latin-1 or UTF-8 into the query string as it is; percent-encoded, it says the same.
    """
    line, newline, rest = data.partition(b"\n")
    return _BEYOND_ASCII.sub(lambda byte: b"%%%02X" % byte[0][0], line) + newline + rest


class Connections:
    """The open connections of one receiver process."""

    def __init__(self, limits: ConnectionLimits) -> None:
        """Keep to `limits`."""
        self._limits = limits
        self._all: dict[CallbackConnection, None] = {}
        self._by_network: defaultdict[str, dict[CallbackConnection, None]] = defaultdict(dict)
        self._log = SeldomLog(structlog.get_logger(__name__))
        self._loop = asyncio.get_running_loop()
        self._sweep_seconds = min(_SWEEP_SECONDS, limits.head_seconds / 2)
        self._next_sweep: asyncio.TimerHandle | None = None

    def opened(self, connection: CallbackConnection) -> None:
        """Count a new connection in, and close another one (or this) where there are too many."""
        limits = self._limits
        group = self._by_network[_network(connection.address)]
        self._all[connection] = group[connection] = None
        if self._next_sweep is None:
            self._next_sweep = self._loop.call_later(self._sweep_seconds, self._sweep)
        from_proxy = bool(limits.proxies) and within(connection.address, limits.proxies)
        if not from_proxy and len(group) > limits.most_per_address:
            self._spare_one(group, connection)
        elif len(self._all) > limits.most:
            self._spare_one(self._all, connection)
        catalogue.CONNECTIONS.set(len(self._all))

    def closed(self, connection: CallbackConnection) -> None:
        """Count a connection out."""
        if connection in self._all:
            del self._all[connection]
            network = _network(connection.address)
            group = self._by_network[network]
            del group[connection]
            if not group:
                del self._by_network[network]
            catalogue.CONNECTIONS.set(len(self._all))

    def _spare_one(self, among: dict[CallbackConnection, None], newest: CallbackConnection) -> None:
        chosen = _most_spared(among) or newest
        catalogue.count_refused(Refusal.CONNECTIONS)
        self._log.warning(
            "too many connections: one is closed",
            cause=Refusal.CONNECTIONS,
            address=chosen.address,
            from_there=len(self._by_network[_network(chosen.address)]),
            open=len(self._all),
        )
        self.closed(chosen)
        chosen.abort()

    def _sweep(self) -> None:
        """Close the connections whose head takes too long, and do so again as long as some are open."""
        oldest = self._loop.time() - self._limits.head_seconds
        slow = [connection for connection in self._all if 0 < connection.head_since < oldest]
        for connection in slow:
            catalogue.count_refused(Refusal.SLOW_HEAD)
            self._log.warning(
                "no request came in time: the connection is closed",
                cause=Refusal.SLOW_HEAD,
                address=connection.address,
                connections=len(slow),
            )
            connection.give_up()
        self._next_sweep = self._loop.call_later(self._sweep_seconds, self._sweep) if self._all else None


def _most_spared(among: Iterable[CallbackConnection]) -> CallbackConnection | None:
    """Return the connection to close first, of those in the order of their opening; None if each stores a callback."""
    chosen, first = None, (math.inf, 0.0)
    for connection in among:
        order = connection.spared_after()
        if order is not None and order < first:
            chosen, first = connection, order
        if first[0] == 0:  # the oldest one that waits for its head: in a flood this is found at once
            break
    return chosen


def _network(address: str) -> str:
    """Return what counts as one client: an IPv4 address, or the /64 that an IPv6 client has."""
    if ":" not in address:
        return address
    return ip_address(address.partition("%")[0]).exploded[:19]
