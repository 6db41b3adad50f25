"""
An aiohttp server that keeps quiet about what a client sent, for all three listeners.

aiohttp answers a request that its parser refuses by itself: it repeats the request's line in the answer, and logs it
with its path, its headers and the start of its body, which hold secrets and phone numbers. The connections here answer
with a fixed text, count the request by its cause, and log the cause alone.
"""

import asyncio
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestPayloadError

from ingest.logs import SeldomLog
from ingest.metrics import catalogue
from ingest.metrics.catalogue import Refusal

_log = structlog.get_logger(__name__)
_seldom = SeldomLog(_log)

_ANSWERS: Final = {
    400: "the request can't be read as HTTP\n",
    500: "an error of the server's own; see its log\n",
    504: "the request took too long\n",
}


class HttpConnection(web.RequestHandler):
    """One client's connection."""

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - aiohttp's own text repeats what the client sent
    ) -> web.StreamResponse:
        """Answer a request that the parser refused, or whose handling failed, and close the connection."""
        if isinstance(exc, HttpProcessingError | RequestPayloadError):
            status = 400
            catalogue.count_refused(Refusal.NOT_HTTP)
            _seldom.warning("request refused", cause=Refusal.NOT_HTTP, error=type(exc).__name__, client=request.remote)
        elif exc is not None:
            log_failure("a request failed", exc)
        if request.writer.output_size > 0:
            raise ConnectionError("a part of another answer was sent already")
        response = web.Response(status=status, text=_ANSWERS.get(status, "error\n"))
        response.force_close()
        return response

    def log_exception(self, *args: Any, **kwargs: Any) -> None:
        """Log what aiohttp would log with the text of the exception, without it."""
        error = kwargs.get("exc_info")
        log_failure(str(args[0]) if args else "a request failed", error if isinstance(error, BaseException) else None)


def log_failure(event: str, error: BaseException | None) -> None:
    """Log an exception by its type and place: its text may hold a phone number or a secret."""
    place = traceback.extract_tb(error.__traceback__)[-1] if error is not None and error.__traceback__ else None
    _log.error(event, error=type(error).__name__, at=f"{place.name}:{place.lineno}" if place else "")


class Server(web.Server):
    """aiohttp's server, with connections of a class of ours."""

    def __init__(
        self,
        handler: Callable[..., Any],
        *,
        connection: Callable[..., asyncio.Protocol] = HttpConnection,
        **options: Any,
    ) -> None:
        """Serve with `handler`; `options` are aiohttp's."""
        self._connection = connection
        self._options = {
            name: value for name, value in options.items() if name not in {"request_factory", "handler_cancellation"}
        }
        super().__init__(handler, **options)

    def __call__(self) -> Any:
        """Return the protocol of a new connection."""
        return self._connection(self, loop=asyncio.get_running_loop(), **self._options)


class AppRunner(web.AppRunner):
    """aiohttp's runner of an application, on this server."""

    def __init__(self, app: web.Application, **options: Any) -> None:
        """Run `app`; `options` are aiohttp's."""
        super().__init__(app, **options)
        self._options = {name: value for name, value in options.items() if name != "shutdown_timeout"}

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        options = {"handler_cancellation": made.handler_cancellation, **self._options}
        return Server(made.request_handler, request_factory=made.request_factory, **options)


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
