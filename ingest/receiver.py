"""
The receiver: providers post, the report is made durable, and only then is it acknowledged.

It stands on aiohttp's low-level server: one path shape needs no router, and the hot path is a dictionary look-up, a
read, a parse and an append.
"""

import asyncio
import time
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from urllib.parse import unquote

import structlog
from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestHandler

from ingest import metrics
from ingest.doors import Door, Doors, client_of
from ingest.logs import SeldomLog
from ingest.settings import ReceiverSettings
from normalizers.errors import Fault, ForbiddenError, MalformedError
from normalizers.model import Callback, DeliveryReport, InboundMessage, Item, Reject, Reply
from sinks.errors import SinkError
from sinks.records import dead_letter_record, inbound_record, report_record
from sinks.stream import Producer, Record

_log = structlog.get_logger(__name__)
_seldom = SeldomLog(_log)

_MASK: Final = "***"
_NOWHERE: Final = Reply(404, b"no such provider or account\n")
_TOO_LARGE: Final = Reply(413, b"the body is too large\n")
_TOO_SLOW: Final = Reply(408, b"the body took too long\n", headers={"Connection": "close"})
_KEEPALIVE_SECONDS: Final = 75.0


class Receiver:
    """Answers callbacks: a `web.Server` handler."""

    def __init__(self, doors: Doors, producer: Producer, settings: ReceiverSettings) -> None:
        """Let in what `doors` let in, append it to `producer`."""
        self._doors = doors
        self._producer = producer
        self._settings = settings

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """Answer one request; whatever goes wrong, what is not durable is not acknowledged."""
        started = time.perf_counter()
        path, _, query = request.raw_path.partition("?")
        provider, account, secret = _route(path)
        door = self._doors.get((provider, account))
        if door is None:
            return _respond(_NOWHERE)
        if request.method not in door.provider.methods:
            allowed = ", ".join(door.provider.methods)
            return _respond(Reply(405, f"use {allowed}\n".encode(), headers={"Allow": allowed}))
        outcome, reply = await self._answer(request, door, query, secret)
        metrics.count_callback(provider, account, outcome, time.perf_counter() - started)
        return _respond(reply)

    async def _answer(self, request: web.BaseRequest, door: Door, query: str, secret: str) -> tuple[str, Reply]:
        try:
            body = await self._read(request)
        except web.HTTPRequestEntityTooLarge:
            return "too_large", _TOO_LARGE
        except TimeoutError:
            return "too_slow", _TOO_SLOW
        callback = Callback(
            account=door.account,
            method=request.method,
            query=query.encode("utf-8", "surrogateescape"),
            headers=request.headers,
            body=body,
            received_at=datetime.now(UTC),
        )
        if not door.admits(self._client(request), secret):
            return _forbid(door, callback)
        try:
            return await self._store(door, callback)
        except SinkError as error:
            _seldom.warning("stream busy", provider=door.provider.name, account=door.account.name, error=str(error))
            return "busy", door.provider.replies.busy(callback)

    async def _store(self, door: Door, callback: Callback) -> tuple[str, Reply]:
        provider = door.provider
        try:
            items: Sequence[Item] = provider.parse(callback)
        except ForbiddenError:
            return _forbid(door, callback)
        except MalformedError as error:
            await self._producer.append([_dead_letter(door, callback, error, callback.body)])
            metrics.count_dead_letter(provider.name, error.why)
            _seldom.warning(
                "unreadable callback", provider=provider.name, account=door.account.name, why=error.why, at=error.where
            )
            if door.acknowledge_unreadable:
                return "unreadable_acknowledged", provider.replies.stored(callback)
            return "malformed", provider.replies.malformed(callback, error)
        except Exception as error:  # noqa: BLE001 - our fault: keep the bytes, to be read again once the parser is mended
            # The error's own words may hold a phone number, so only its kind and place are told.
            place = traceback.extract_tb(error.__traceback__)[-1]
            fault = MalformedError(Fault.PARSER_ERROR, "$", f"{type(error).__name__} at {place.name}:{place.lineno}")
            _log.error("parser failed", provider=provider.name, error=fault.detail)
            await self._producer.append([_dead_letter(door, callback, fault, callback.body)])
            metrics.count_dead_letter(provider.name, fault.why)
            return "parser_error", provider.replies.stored(callback)
        await self._producer.append([_record(door, callback, item) for item in items])
        for item in items:
            if isinstance(item, Reject):
                metrics.count_dead_letter(provider.name, item.error.why)
        return "stored", provider.replies.stored(callback)

    async def _read(self, request: web.BaseRequest) -> bytes:
        if not request.body_exists:
            return b""
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

    def make_request(
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: RequestHandler,
        writer: AbstractStreamWriter,
        task: asyncio.Task[None],
    ) -> web.BaseRequest:
        return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=settings.max_body_bytes)

    loop = asyncio.get_running_loop()
    return web.Server(
        receiver.handle, request_factory=make_request, keepalive_timeout=_KEEPALIVE_SECONDS, access_log=None
    )


def _route(path: str) -> tuple[str, str, str]:
    """Split `/callbacks/<provider>[/<account>[/<secret>]]`; what is no such path names no provider."""
    parts = path.rstrip("/").split("/")
    if len(parts) not in {3, 4, 5} or parts[1] != "callbacks":
        return "", "", ""
    account = unquote(parts[3]) if len(parts) > 3 else "default"  # noqa: PLR2004 - positions in the path
    secret = unquote(parts[4]) if len(parts) > 4 else ""  # noqa: PLR2004
    return parts[2], account, secret


def _respond(reply: Reply) -> web.Response:
    return web.Response(
        status=reply.status, body=reply.body, content_type=reply.content_type, headers=dict(reply.headers) or None
    )


def _forbid(door: Door, callback: Callback) -> tuple[str, Reply]:
    _seldom.warning("forbidden callback", provider=door.provider.name, account=door.account.name)
    return "forbidden", door.provider.replies.forbidden(callback)


def _record(door: Door, callback: Callback, item: Item) -> Record:
    match item:
        case DeliveryReport():
            return report_record(item)
        case InboundMessage():
            return inbound_record(item)
        case Reject():
            return _dead_letter(door, callback, item.error, item.raw)


def _dead_letter(door: Door, callback: Callback, error: MalformedError, body: bytes) -> Record:
    if door.account.auth_key:
        body = body.replace(door.account.auth_key.encode(), _MASK.encode())
    return dead_letter_record(
        provider=door.provider.name,
        account=door.account.name,
        why=error.why,
        location=error.where,
        detail=error.detail,
        method=callback.method,
        path=f"/callbacks/{door.provider.name}/{door.account.name}",  # without the secret
        query=callback.query,
        headers=callback.headers,
        body=body,
        received_at=callback.received_at,
    )
