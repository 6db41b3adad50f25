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
from ingest.metrics.catalogue import CallbackOutcome
from ingest.receiver.access import Access, AccessByAccount, client_of
from ingest.receiver.batching import CallbackBatcher, CallbackResult, forbid
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

    def __init__(self, accesses: AccessByAccount, producer: Producer, settings: ReceiverSettings) -> None:
        """Let callbacks in as `accesses` say, and append their records to `producer`."""
        self._accesses = accesses
        self._batcher = CallbackBatcher(producer)
        self._settings = settings

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; a callback whose reports are not durable is never acknowledged."""
        started = time.perf_counter()
        path, _, query = request.raw_path.partition("?")
        provider, account, secret = _route(path)
        access = self._accesses.get((provider, account))
        if access is None:
            return respond(request, _NOWHERE)
        if request.method not in access.provider.methods:
            allowed = ", ".join(access.provider.methods)
            return respond(request, Reply(405, f"use {allowed}\n".encode(), headers={"Allow": allowed}))
        answer = await self._answer(request, access, query, secret)
        catalogue.count_callback(provider, account, answer.outcome, time.perf_counter() - started)
        return respond(request, answer.reply)

    async def _answer(self, request: web.BaseRequest, access: Access, query: str, secret: str) -> CallbackResult:
        try:
            body = await self._read(request) if request.body_exists else b""
        except web.HTTPRequestEntityTooLarge:
            return CallbackResult(CallbackOutcome.TOO_LARGE, _TOO_LARGE)
        except TimeoutError:
            return CallbackResult(CallbackOutcome.TOO_SLOW, _TOO_SLOW)
        callback = Callback(
            account=access.account,
            method=request.method,
            query=query.encode("utf-8", "surrogateescape"),
            headers=request.headers,
            body=body,
            received_at=datetime.now(UTC),
        )
        if not access.admits(self._client(request), secret):
            return forbid(access, callback)
        try:
            return await self._batcher.take(access, callback)
        except SinkError as error:
            _seldom.warning("stream busy", provider=access.provider.name, account=access.account.name, error=str(error))
            return CallbackResult(CallbackOutcome.BUSY, access.provider.replies.busy(callback))

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
