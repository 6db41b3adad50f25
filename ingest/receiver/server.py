"""
The receiver: providers post, the report is made durable, and only then is it acknowledged.

It stands on aiohttp's low-level server: one path shape needs no router, and the hot path is a dictionary look-up, a
read, a parse and an append.
"""

import asyncio
import time
from datetime import UTC, datetime
from functools import partial
from typing import Final
from urllib.parse import unquote

import structlog
from aiohttp import web

from ingest.logs import SeldomLog
from ingest.metrics import catalogue
from ingest.receiver.access import Door, Doors, client_of
from ingest.receiver.batching import Answer, Intake, forbid
from ingest.receiver.responses import respond
from ingest.settings.settings import ReceiverSettings
from normalizers.model import Callback
from normalizers.provider import Reply
from sinks.errors import SinkError
from sinks.stream import Producer

_log = structlog.get_logger(__name__)
_seldom = SeldomLog(_log)

_NOWHERE: Final = Reply(404, b"no such provider or account\n")
_TOO_LARGE: Final = Reply(413, b"the body is too large\n")
_TOO_SLOW: Final = Reply(408, b"the body took too long\n", headers={"Connection": "close"})
_KEEPALIVE_SECONDS: Final = 75.0


class Receiver:
    """Answers callbacks: a `web.Server` handler."""

    def __init__(self, doors: Doors, producer: Producer, settings: ReceiverSettings) -> None:
        """Let in what `doors` let in, append it to `producer`."""
        self._doors = doors
        self._intake = Intake(producer)
        self._settings = settings

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; whatever goes wrong, what is not durable is not acknowledged."""
        started = time.perf_counter()
        path, _, query = request.raw_path.partition("?")
        provider, account, secret = _route(path)
        door = self._doors.get((provider, account))
        if door is None:
            return respond(request, _NOWHERE)
        if request.method not in door.provider.methods:
            allowed = ", ".join(door.provider.methods)
            return respond(request, Reply(405, f"use {allowed}\n".encode(), headers={"Allow": allowed}))
        answer = await self._answer(request, door, query, secret)
        catalogue.count_callback(provider, account, answer.outcome, time.perf_counter() - started)
        return respond(request, answer.reply)

    async def _answer(self, request: web.BaseRequest, door: Door, query: str, secret: str) -> Answer:
        try:
            body = await self._read(request) if request.body_exists else b""
        except web.HTTPRequestEntityTooLarge:
            return Answer("too_large", _TOO_LARGE)
        except TimeoutError:
            return Answer("too_slow", _TOO_SLOW)
        callback = Callback(
            account=door.account,
            method=request.method,
            query=query.encode("utf-8", "surrogateescape"),
            headers=request.headers,
            body=body,
            received_at=datetime.now(UTC),
        )
        if not door.admits(self._client(request), secret):
            return forbid(door, callback)
        try:
            return await self._intake.take(door, callback)
        except SinkError as error:
            _seldom.warning("stream busy", provider=door.provider.name, account=door.account.name, error=str(error))
            return Answer("busy", door.provider.replies.busy(callback))

    async def _read(self, request: web.BaseRequest) -> bytes:
        if request.content.is_eof():  # it came with the headers
            return await request.read()
        async with asyncio.timeout(self._settings.body_timeout_s):
            return await request.read()

    def _client(self, request: web.BaseRequest) -> str:
        peer = request.remote or ""
        if not self._settings.trusted_proxies:
            return peer
        return client_of(peer, request.headers.get("X-Forwarded-For", ""), self._settings.trusted_proxies)


def make_server(receiver: Receiver, settings: ReceiverSettings) -> web.Server:
    """Return the aiohttp server of a receiver."""
    request_factory = partial(web.BaseRequest, loop=asyncio.get_running_loop(), client_max_size=settings.max_body_bytes)
    return web.Server(
        receiver.handle, request_factory=request_factory, keepalive_timeout=_KEEPALIVE_SECONDS, access_log=None
    )


def _route(path: str) -> tuple[str, str, str]:
    """Split `/callbacks/<provider>[/<account>[/<secret>]]`; what is no such path names no provider."""
    parts = path.rstrip("/").split("/")
    if len(parts) not in {3, 4, 5} or parts[1] != "callbacks":
        return "", "", ""
    account = unquote(parts[3]) if len(parts) > 3 else "default"  # noqa: PLR2004 - positions in the path
    secret = unquote(parts[4]) if len(parts) > 4 else ""  # noqa: PLR2004
    return parts[2], account, secret
