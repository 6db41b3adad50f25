"""
How many connections one listener keeps open, how much of their unfinished heads, and for how long.

Anybody may open a connection, so that each costs little: the head of a request has to arrive in time, and if too many
connections are open, the one that has sent nothing useful for longest is closed to make room. Connections over which a
request was admitted are closed last.
"""

import asyncio
import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Final, Protocol

import structlog

from ingest.logs import SeldomLog
from ingest.metrics import catalogue
from ingest.metrics.catalogue import Listener, Refusal
from ingest.networks import client_network, within

_SWEEP_SECONDS: Final = 0.5
#: Connections are not closed for a head that is shorter than this.
_SHORT_HEAD_BYTES: Final = 16 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """
    The bounds of one listener's connections.

    `most` connections may be open, `most_per_address` of them from one address; those from `proxies` stand for many
    clients, and count in all only. A request's head may take `head_seconds` and `head_bytes`, and the heads that have
    not arrived whole `heads_bytes` together. A client may leave an answer unread for `unread_seconds`.
    """

    listener: Listener
    most: int = 256
    most_per_address: int = 128
    head_seconds: float = 10.0
    head_bytes: int = 128 * 1024
    heads_bytes: int = 32 * 1024 * 1024
    unread_seconds: float = 60.0
    proxies: tuple[IPv4Network | IPv6Network, ...] = ()


class OpenConnection(Protocol):
    """
    The parts of a connection by which its listener chooses the one to close.

    `head_since` is when the head began that has not arrived whole, and `head_bytes` how much of it is here;
    `unread_since` is when its client stopped to read an answer. Each is 0 otherwise.
    """

    address: str
    head_since: float
    head_bytes: int
    unread_since: float

    def spared_after(self) -> tuple[int, float] | None:
        """Return the order in which connections are closed to make room; None while a request is being answered."""

    def give_up(self) -> None:
        """Answer 408 to a head that did not arrive in time, and close."""

    def abort(self) -> None:
        """Close at once."""


class Connections:
    """The open connections of one listener in one process."""

    def __init__(self, limits: ConnectionLimits) -> None:
        """Keep to `limits`."""
        self.limits = limits
        self._all: dict[OpenConnection, None] = {}
        self._by_network: defaultdict[str, dict[OpenConnection, None]] = defaultdict(dict)
        self._heads_bytes = 0
        self._log = SeldomLog(structlog.get_logger(__name__))
        self._loop = asyncio.get_running_loop()
        self._sweep_seconds = min(_SWEEP_SECONDS, limits.head_seconds / 2)
        self._next_sweep: asyncio.TimerHandle | None = None

    def opened(self, connection: OpenConnection) -> None:
        """Count a new connection in, and close another one (or this) where there are too many."""
        limits = self.limits
        group = self._by_network[client_network(connection.address)]
        self._all[connection] = group[connection] = None
        if self._next_sweep is None:
            self._next_sweep = self._loop.call_later(self._sweep_seconds, self._sweep)
        from_proxy = bool(limits.proxies) and within(connection.address, limits.proxies)
        if not from_proxy and len(group) > limits.most_per_address:
            self._shed(_most_spared(group) or connection)
        elif len(self._all) > limits.most:
            self._shed(_most_spared(self._all) or connection)
        self._publish()

    def closed(self, connection: OpenConnection) -> None:
        """Count a connection out."""
        if connection in self._all:
            self.head_grew(connection, -connection.head_bytes)
            del self._all[connection]
            network = client_network(connection.address)
            group = self._by_network[network]
            del group[connection]
            if not group:
                del self._by_network[network]
            self._publish()

    def head_grew(self, connection: OpenConnection, by: int) -> None:
        """Count the bytes of an unfinished head, and close the oldest connection with a long one if they are too many."""
        connection.head_bytes += by
        self._heads_bytes += by
        if self._heads_bytes > self.limits.heads_bytes:
            self._shed(next((each for each in self._all if each.head_bytes > _SHORT_HEAD_BYTES), connection))

    def _publish(self) -> None:
        catalogue.CONNECTIONS.set(len(self._all), self.limits.listener)

    def _shed(self, connection: OpenConnection) -> None:
        self._report(
            "too many connections: one is closed",
            Refusal.CONNECTIONS,
            connection,
            from_there=len(self._by_network[client_network(connection.address)]),
            open=len(self._all),
            bytes_of_heads=self._heads_bytes,
        )
        self.closed(connection)
        connection.abort()

    def _report(self, event: str, cause: Refusal, connection: OpenConnection, **figures: int) -> None:
        """Count and log that a connection is closed."""
        listener = self.limits.listener
        catalogue.count_refused(listener, cause)
        self._log.warning(event, cause=cause, listener=listener, address=connection.address, **figures)

    def _sweep(self) -> None:
        """Close the connections that take too long, and look again later while some are open."""
        now = self._loop.time()
        head, unread = now - self.limits.head_seconds, now - self.limits.unread_seconds
        slow = [each for each in self._all if 0 < each.head_since < head or 0 < each.unread_since < unread]
        for connection in slow:
            self._report(
                "a client sends no request, or reads no answer, in time: its connection is closed",
                Refusal.SLOW_HEAD,
                connection,
                connections=len(slow),
            )
            connection.give_up()
        self._next_sweep = self._loop.call_later(self._sweep_seconds, self._sweep) if self._all else None


def _most_spared(among: Iterable[OpenConnection]) -> OpenConnection | None:
    """Return the connection to close first, of those in the order of their opening; None if each is being answered."""
    chosen, first = None, (math.inf, 0.0)
    for connection in among:
        order = connection.spared_after()
        if order is not None and order < first:
            chosen, first = connection, order
        if first[0] == 0:  # the oldest one that waits for its head: in a flood this is found at once
            break
    return chosen
