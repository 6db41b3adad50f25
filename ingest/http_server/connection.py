"""
One client's connection: what it may send before its request is judged, and answers that repeat nothing of it.

aiohttp answers a request that its parser refuses by itself: it repeats the request's line in the answer, and logs it
with its path, its headers and the start of its body, which hold secrets and phone numbers. The connections here answer
with a fixed text, count the request by its cause, and log the cause alone.
"""

import asyncio
import re
import socket
import traceback
from collections.abc import Callable
from typing import Any, Final

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_protocol import RequestPayloadError

from ingest.http_server.connections import Connections
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
_CLOSING: Final = b"HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_TOO_SLOW: Final = _CLOSING % b"408 Request Timeout"
_TOO_LONG: Final = _CLOSING % b"431 Request Header Fields Too Large"
_TOO_FINE: Final = _CLOSING % b"400 Bad Request"
#: Parsing a chunk costs a microsecond, and so a megabyte of chunks of one byte most of a second. Chunks have to be so
#: long on average, counted in pieces of so many bytes at least.
_LEAST_CHUNK_BYTES: Final = 24
_COUNTED_BYTES: Final = 4096
_PENALTY_SECONDS: Final = 1.0
#: How much the kernel takes in before it is read, until a long body has a place (`bodies`).
_RECEIVE_BYTES: Final = 16 * 1024
_BEYOND_ASCII: Final = re.compile(rb"[\x80-\xff]")


class HttpConnection(web.RequestHandler):
    """
    One connection of a listener.

    `head_since` is when the head began that has not arrived whole, 0 between requests and while a body arrives. The time
    for a first head counts from the opening of the connection, and so includes a TLS handshake.
    """

    def __init__(self, *args: Any, connections: Connections, **options: Any) -> None:
        """Be one of `connections`; the rest is aiohttp's."""
        super().__init__(*args, **options)
        self._connections = connections
        self._payload = EMPTY_PAYLOAD
        self._in_request_line = True
        self._head_began = False
        self._refused = False
        self._chunked = False
        self._has_place = False
        self.address = ""
        self.admitted = False
        self.head_bytes = 0
        self.unread_since = 0.0

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
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
        abort = transport.abort  # type: ignore[attr-defined] # of a server's transport
        if self._has_place:
            self._abort = abort
        else:
            self.take_place(transport.get_extra_info("peername"), abort)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Give the place back."""
        self.leave_place()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Note since when the client has not read what was sent to it."""
        super().pause_writing()
        self.unread_since = self._loop.time()

    def resume_writing(self) -> None:
        """Go on writing."""
        super().resume_writing()
        self.unread_since = 0.0

    def data_received(self, data: bytes) -> None:
        """Feed aiohttp's parser; bytes beyond ASCII in a request's target, which it refuses, are percent-encoded."""
        if self._refused:
            return
        before, handled = self._payload, self._request_count
        in_body = not before.is_eof()
        if (self._chunked if in_body else _may_begin_chunks(data)) and _is_too_fine(data):
            self._refuse(_TOO_FINE, "chunks of some bytes each")
            return
        if self._in_request_line and not in_body and not data.isascii():
            data = _with_ascii_target(data)
        super().data_received(data)
        if self._messages:
            message, self._payload = self._messages[-1]
            self._chunked = getattr(message, "chunked", False)  # what the parser refused has no such attribute
        if self._request_count != handled or in_body:
            self._end_head()
            if self._payload is not before and not before.is_eof():
                before.set_exception(RequestPayloadError("the parser refused its continuation"))
                before.feed_eof()
        elif data:
            self._await_rest_of_head(data)
        self.active_at = self._loop.time()

    def _end_head(self) -> None:
        self._in_request_line, self._head_began, self.head_since = True, False, 0.0
        if self.head_bytes:
            self._connections.head_grew(self, -self.head_bytes)

    def _await_rest_of_head(self, data: bytes) -> None:
        self._in_request_line = self._in_request_line and b"\n" not in data.lstrip()
        self._head_began = True
        self.head_since = self.head_since or self._loop.time()
        self._connections.head_grew(self, len(data))
        if self.head_bytes > self._connections.limits.head_bytes:
            self._refuse(_TOO_LONG, "a head that does not end")

    def _refuse(self, answer: bytes, error: str) -> None:
        """Read no more of a request that costs too much to parse, and answer it later: its sender can't try at once."""
        self._count_unreadable(error)
        self._refused = True
        if self.transport is not None:
            self.transport.pause_reading()
        self._loop.call_later(_PENALTY_SECONDS, self._close_with, answer)

    def _count_unreadable(self, error: str) -> None:
        listener = self._connections.limits.listener
        catalogue.count_refused(listener, Refusal.NOT_HTTP)
        _seldom.warning("request refused", cause=Refusal.NOT_HTTP, error=error, listener=listener, client=self.address)

    def _close_with(self, answer: bytes) -> None:
        if self.transport is not None:
            self.transport.write(answer)
        self.force_close()

    def spared_after(self) -> tuple[int, float] | None:
        """Return the order in which connections are closed to make room; None while a request is being answered."""
        if self.unread_since:
            return 0, self.unread_since
        if not self._payload.is_eof():
            return 2, self.active_at  # a body is on its way
        if self._current_request is not None or self._messages:
            return None
        if self.admitted:
            return 3, self.active_at
        return (0, self.head_since) if self.head_since else (1, self.active_at)

    def give_up(self) -> None:
        """Answer 408 to a head that did not arrive in time, and close."""
        if self.transport is None or self.unread_since:
            self.abort()
        else:
            if self._head_began and self._current_request is None:
                self.transport.write(_TOO_SLOW)
            self.force_close()

    def abort(self) -> None:
        """Close at once."""
        self._abort()

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
            self._count_unreadable(type(exc).__name__)
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


def _may_begin_chunks(data: bytes) -> bool:
    """Tell whether data that begins or continues a request's head may announce a chunked body."""
    end = data.find(b"\r\n\r\n")
    return b"chunked" in (data if end < 0 else data[:end]).lower()


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
