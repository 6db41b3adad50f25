"""
The receiver: providers post, the report is made durable, and only then is it acknowledged.

It stands on aiohttp's low-level server: one path shape needs no router, and the hot path is a dictionary look-up, a
read, a parse and an append. Path, secret, address, length and rate are judged before a body is read.
"""

import asyncio
import ssl
import time
from datetime import UTC, datetime
from functools import partial
from typing import Final
from urllib.parse import unquote

import structlog
from aiohttp import HttpVersion11, web
from aiohttp.web_protocol import RequestPayloadError

from ingest.http_server.bodies import BodyLimits, BodyReader, TooLargeError
from ingest.http_server.connection import HttpConnection
from ingest.http_server.connections import ConnectionLimits
from ingest.http_server.serving import Server
from ingest.logs import SeldomLog
from ingest.metrics import catalogue
from ingest.metrics.catalogue import CallbackOutcome, Listener, Refusal
from ingest.receiver.access import Access, AccessByAccount, client_of
from ingest.receiver.batching import CallbackBatcher, CallbackResult, forbid
from ingest.receiver.encodings import BrokenBodyError, Decompressor, UnsupportedEncodingError
from ingest.receiver.public_url import called_path, called_url
from ingest.receiver.rates import ClientRates
from ingest.receiver.responses import respond
from ingest.settings.settings import ReceiverSettings
from normalizers.model import Callback
from normalizers.provider import Reply
from sinks.errors import SinkError
from sinks.stream import Producer

_log = structlog.get_logger(__name__)
_seldom = SeldomLog(_log)

_NOWHERE: Final = Reply(404, b"no such provider or account\n")
_TOO_LARGE: Final = CallbackResult(CallbackOutcome.TOO_LARGE, Reply(413, b"the body is too large\n"))
_TOO_SLOW: Final = CallbackResult(CallbackOutcome.TOO_SLOW, Reply(408, b"the body took too long\n"))
_BROKEN: Final = CallbackResult(CallbackOutcome.MALFORMED, Reply(400, b"the body can't be read as HTTP\n"))
_UNSUPPORTED: Final = CallbackResult(
    CallbackOutcome.UNSUPPORTED_ENCODING,
    Reply(415, b"send the body as it is, or with gzip or deflate\n", headers={"Accept-Encoding": "gzip, deflate"}),
)
_UNREAD: Final = (TooLargeError, UnsupportedEncodingError, TimeoutError, RequestPayloadError, ConnectionError)
_EXPECTATION: Final = CallbackResult(CallbackOutcome.MALFORMED, Reply(417, b"only 100-continue can be expected\n"))
_TOO_MANY: Final = Reply(429, b"refused too often: wait\n", headers={"Retry-After": "10"})
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"

#: For how long a body that nobody wants is read on, so that its sender reads the answer before the connection closes.
_LINGER_SECONDS: Final = 2.0
#: For how long the answer is held back to a client that was refused too often.
_PENALTY_SECONDS: Final = 1.0
_LONGEST_LINE_BYTES: Final = 32 * 1024
#: A body up to this size that came with its head is read for an answer that repeats a part of it (CloudSMS' SERIAL).
_BODY_FOR_ANSWER_BYTES: Final = 4096


class Receiver:
    """Answers callbacks: a `web.Server` handler."""

    def __init__(self, accesses: AccessByAccount, producer: Producer, settings: ReceiverSettings) -> None:
        """Let callbacks in as `accesses` say, and append their records to `producer`."""
        self._accesses = accesses
        self._batcher = CallbackBatcher(producer)
        self._settings = settings
        self._proxies = settings.trusted_proxies
        self._most_bytes = settings.max_body_bytes
        places = max(1, settings.max_receiving_bytes // settings.max_body_bytes)
        self._bodies = BodyReader(
            BodyLimits(
                most=settings.max_body_bytes,
                seconds=settings.body_timeout_s,
                places=places,
                places_per_client=max(1, places // 4),
            )
        )
        self._decompressor = Decompressor(settings.max_body_bytes)
        self._refused_clients = ClientRates(settings.refused_rate, settings.refused_burst)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; a callback whose reports are not durable is never acknowledged."""
        started = time.perf_counter()
        path, query = called_path(request)
        provider, account, secret = _route(path)
        access = self._accesses.get((provider, account))
        if access is None:
            return await self._refuse(request, Refusal.NOT_FOUND, _NOWHERE)
        if request.method not in access.provider.methods:
            allowed = ", ".join(access.provider.methods)
            reply = Reply(405, f"use {allowed}\n".encode(), headers={"Allow": allowed})
            return await self._refuse(request, Refusal.METHOD, reply)
        admitted = access.admits(self._client(request), secret)
        if admitted:
            result = await self._answer(request, access, query)
        else:
            result = forbid(access, self._callback(request, access, query, _at_hand(request)))
        catalogue.count_callback(provider, account, result.outcome, time.perf_counter() - started)
        return respond(request, result.reply) if admitted else await self._refuse(request, None, result.reply)

    async def _refuse(self, request: web.BaseRequest, cause: Refusal | None, reply: Reply) -> web.StreamResponse:
        """Answer a request that is not let in; hold back the answer where its client is refused again and again."""
        if not self._refused_clients.take(self._client(request), time.monotonic()):
            cause, reply = Refusal.TOO_MANY, _TOO_MANY
            _seldom.warning("a client is refused too often", cause=cause, client=self._client(request))
            await asyncio.sleep(_PENALTY_SECONDS)
        if cause is not None:
            catalogue.count_refused(Listener.RECEIVER, cause)
        return respond(request, reply)

    async def _answer(self, request: web.BaseRequest, access: Access, query: str) -> CallbackResult:
        if isinstance(request.protocol, HttpConnection):
            request.protocol.admitted = True
        if access.rate is not None and not access.rate.take(time.monotonic()):
            return _limit(access, self._callback(request, access, query, _at_hand(request)))
        if not request.body_exists:
            return await self._take(access, self._callback(request, access, query, b""))
        try:
            return await self._take_with_body(request, access, query)
        except _UNREAD as error:
            return _unread(error)

    async def _take_with_body(self, request: web.BaseRequest, access: Access, query: str) -> CallbackResult:
        if (request.content_length or 0) > self._most_bytes:
            raise TooLargeError
        if "Expect" in request.headers and not _go_on(request):
            return _EXPECTATION
        try:
            body = await self._bodies.read(request, self._client(request))
        except SinkError as failure:
            return _busy(access, self._callback(request, access, query, b""), failure)
        fault = None
        encoding = request.headers.get("Content-Encoding", "")
        if encoding and body and encoding.lower() != "identity":
            try:
                body = await self._decompressor.decompress(body, encoding.lower())
            except BrokenBodyError as error:
                fault, body = error, error.rest
        return await self._take(access, self._callback(request, access, query, body), fault)

    async def _take(self, access: Access, callback: Callback, fault: BrokenBodyError | None = None) -> CallbackResult:
        try:
            return await self._batcher.take(access, callback, fault)
        except SinkError as failure:
            return _busy(access, callback, failure)

    def _callback(self, request: web.BaseRequest, access: Access, query: str, body: bytes) -> Callback:
        return Callback(
            account=access.account.reading,
            method=request.method,
            url=called_url(request, self._settings) if access.provider.keys else "",
            query=query.encode("utf-8", "surrogateescape"),
            headers=request.headers,
            body=body,
            received_at=datetime.now(UTC),
        )

    def _client(self, request: web.BaseRequest) -> str:
        peer = request.remote or ""
        if not self._proxies:
            return peer
        return client_of(peer, ",".join(request.headers.getall("X-Forwarded-For", ())), self._proxies)


def _at_hand(request: web.BaseRequest) -> bytes:
    """Return a short body that came with its head, for an answer that repeats a part of it; else nothing."""
    short = (request.content_length or 0) <= _BODY_FOR_ANSWER_BYTES
    return request.content.read_nowait() if short and request.content.is_eof() else b""


def _unread(error: Exception) -> CallbackResult:
    """Return the answer to a callback whose body could not be read."""
    match error:
        case TooLargeError():
            return _TOO_LARGE
        case UnsupportedEncodingError():
            return _UNSUPPORTED
        case TimeoutError():
            return _TOO_SLOW
        case _:
            catalogue.count_refused(Listener.RECEIVER, Refusal.NOT_HTTP)
            return _BROKEN


def _busy(access: Access, callback: Callback, failure: SinkError) -> CallbackResult:
    _seldom.warning("busy", provider=access.provider.name, account=access.account.name, error=str(failure))
    return CallbackResult(CallbackOutcome.BUSY, access.provider.replies.busy(callback))


def _limit(access: Access, callback: Callback) -> CallbackResult:
    _seldom.warning("over the account's rate", provider=access.provider.name, account=access.account.name)
    return CallbackResult(CallbackOutcome.RATE_LIMITED, access.provider.replies.busy(callback))


def _go_on(request: web.BaseRequest) -> bool:
    """Tell a client that waits for it to send the body (RFC 9110, 10.1.1); False where it expects something else."""
    if request.headers["Expect"].lower() != "100-continue":
        return False
    if request.version >= HttpVersion11 and not request.content.is_eof() and request.transport is not None:
        request.transport.write(_CONTINUE)
    return True


def make_server(
    receiver: Receiver,
    settings: ReceiverSettings,
    *,
    tls: ssl.SSLContext | None = None,
    most_connections: int | None = None,
) -> Server:
    """Return the aiohttp server of a receiver; `most_connections` is what the system allows this process."""
    limits = ConnectionLimits(
        listener=Listener.RECEIVER,
        most=min(settings.max_connections, most_connections or settings.max_connections),
        most_per_address=settings.max_connections_per_address,
        head_seconds=settings.header_timeout_s,
        proxies=settings.trusted_proxies,
    )
    return Server(
        receiver.handle,
        limits=limits,
        tls=tls,
        request_factory=partial(
            web.BaseRequest, loop=asyncio.get_running_loop(), client_max_size=settings.max_body_bytes
        ),
        lingering_time=_LINGER_SECONDS,
        max_line_size=_LONGEST_LINE_BYTES,
        auto_decompress=False,
    )


def _route(path: str) -> tuple[str, str, str]:
    """Split `/callbacks/<provider>[/<account>[/<secret>]]`; another path is split into an unknown provider."""
    parts = path.rstrip("/").split("/")
    if len(parts) not in {3, 4, 5} or parts[1] != "callbacks":
        return "", "", ""
    account = unquote(parts[3]) if len(parts) > 3 else "default"  # noqa: PLR2004 - positions in the path
    secret = unquote(parts[4]) if len(parts) > 4 else ""  # noqa: PLR2004
    return parts[2], account, secret
