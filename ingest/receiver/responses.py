"""
The response to a callback, written in one piece.

`web.Response` makes, checks and serializes its headers anew for every request, a sixth of what answering a callback
costs. Nearly every answer is one of a few, to an HTTP/1.1 client that keeps its connection.
"""

import time
from email.utils import formatdate
from functools import lru_cache

from aiohttp import HttpVersion11, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.hdrs import METH_HEAD

from normalizers.provider import Reply


def respond(request: web.BaseRequest, reply: Reply) -> web.StreamResponse:
    """Return the response that carries a reply; one that comes before the request's body closes the connection."""
    whole = request.content.is_eof()
    plain = not reply.headers and request.method != METH_HEAD  # whose answer has no body
    if whole and plain and request.version == HttpVersion11 and request.keep_alive:
        return _whole(reply.status, reply.content_type, reply.body)
    response = web.Response(
        status=reply.status, body=reply.body, content_type=reply.content_type, headers=dict(reply.headers) or None
    )
    if not whole:
        response.force_close()
    return response


class _Whole(web.StreamResponse):
    """A response to any client that keeps its connection; it has no state, so that one serves many requests."""

    def __init__(self, status: int, content_type: str, body: bytes) -> None:
        super().__init__(status=status)
        head = f"HTTP/1.1 {status} {self.reason}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
        self._head = head.encode("ascii")
        self._content = b"\r\n\r\n" + body

    @property
    def keep_alive(self) -> bool:
        return True

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        if request.transport is None:
            raise ConnectionResetError("the client has gone away")
        request.transport.write(self._head + _date(int(time.time())) + self._content)
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Do nothing: all is written."""


@lru_cache(maxsize=64)
def _whole(status: int, content_type: str, body: bytes) -> _Whole:
    return _Whole(status, content_type, body)


@lru_cache(maxsize=1)
def _date(second: int) -> bytes:
    return f"Date: {formatdate(second, usegmt=True)}".encode("ascii")
