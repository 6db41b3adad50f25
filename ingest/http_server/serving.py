"""The server of a listener: aiohttp's, with connections that are bounded."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from aiohttp import web

from ingest.http_server.connection import HttpConnection
from ingest.http_server.connections import ConnectionLimits, Connections
from ingest.http_server.handshakes import TlsHandshake

_KEEPALIVE_SECONDS: Final = 75.0
#: How much of a body that is not read on is buffered, about: aiohttp stops to read at twice of it.
_UNREAD_BYTES: Final = 16 * 1024


class Server(web.Server):
    """aiohttp's server, with connections of a class of ours."""

    def __init__(
        self,
        handler: Callable[..., Any],
        *,
        limits: ConnectionLimits,
        tls: ssl.SSLContext | None = None,
        **options: Any,
    ) -> None:
        """Serve with `handler`, over TLS where `tls` is given; `options` are aiohttp's."""
        options = {
            "keepalive_timeout": _KEEPALIVE_SECONDS,
            "access_log": None,
            "read_bufsize": _UNREAD_BYTES,
            **options,
        }
        self._open = Connections(limits)
        self._tls = tls
        self._options = {
            name: value for name, value in options.items() if name not in {"request_factory", "handler_cancellation"}
        }
        super().__init__(handler, **options)

    def __call__(self) -> Any:
        """Return the protocol of a new connection."""
        options = {"loop": asyncio.get_running_loop(), "connections": self._open, **self._options}
        if self._tls is not None:
            return TlsHandshake(self, context=self._tls, **options)
        return HttpConnection(self, **options)


class AppRunner(web.AppRunner):
    """aiohttp's runner of an application, on this server."""

    def __init__(self, app: web.Application, *, limits: ConnectionLimits, **options: Any) -> None:
        """Run `app`; `options` are aiohttp's."""
        super().__init__(app, **options)
        self._limits = limits
        self._options = {name: value for name, value in options.items() if name != "shutdown_timeout"}

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        options = {"handler_cancellation": made.handler_cancellation, **self._options}
        return Server(made.request_handler, limits=self._limits, request_factory=made.request_factory, **options)


@asynccontextmanager
async def serve(runner: web.BaseRunner, host: str, port: int, **options: Any) -> AsyncIterator[int]:
    """
    Listen at `host`:`port` until the block ends; yields the port (for 0: the one that the system chose).

    `options` are those of aiohttp's TCPSite. Raises OSError if the address can't be had.
    """
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, **options).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
