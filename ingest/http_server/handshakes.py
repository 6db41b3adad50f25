"""
TLS handshakes with strangers: they take a place among a listener's connections, and have to end in time.

A server of asyncio's tells nobody of a TLS connection before its handshake is done. So the server accepts connections
as plain TCP, gives each its place, and has the event loop begin TLS on a copy of the socket.
"""

import asyncio
import socket
import ssl
from typing import Any

from ingest.http_server.connection import HttpConnection


class TlsHandshake(asyncio.Protocol):
    """A connection before its TLS handshake is done."""

    def __init__(self, *given: Any, context: ssl.SSLContext, **options: Any) -> None:
        """Begin TLS with `context`; the rest is for the connection that it leads to."""
        self._context = context
        self._connection = HttpConnection(*given, **options)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a place among the connections, and begin TLS if there was one."""
        plain: socket.socket = transport.get_extra_info("socket").dup()
        handshake = asyncio.get_running_loop().create_task(self._shake_hands(plain))
        handshake.add_done_callback(lambda ended: self._ended(ended, plain))
        transport.abort()  # type: ignore[attr-defined] # of a server's transport; the copy stays open
        self._connection.take_place(transport.get_extra_info("peername"), abort=handshake.cancel)

    async def _shake_hands(self, plain: socket.socket) -> None:
        await asyncio.get_running_loop().connect_accepted_socket(
            lambda: self._connection,
            plain,
            ssl=self._context,
            ssl_handshake_timeout=3600,  # never reached: the connection's place ends with the time for its head
        )

    def _ended(self, handshake: asyncio.Task[None], plain: socket.socket) -> None:
        if handshake.cancelled() or handshake.exception():
            plain.close()
            self._connection.leave_place()
