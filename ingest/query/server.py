"""
The query interface: ClickHouse's HTTP interface over the embedded engine, for reading.

It is for this machine alone and knows no users: user names and passwords are ignored. An analyst's browser may show web
pages that send requests here, so the interface refuses requests of another site's page, and requests under a host name
other than `localhost`. Harmless settings are let through, limits up to our own (`ingest.query.guard.settings`).
"""

import asyncio
import re
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import orjson
from aiohttp import web

from ingest.background import in_background
from ingest.http_server import serving
from ingest.http_server.bodies import BodyLimits, BodyReader
from ingest.http_server.connections import ConnectionLimits
from ingest.metrics.catalogue import Listener
from ingest.query.execution import Query, QueryAnswer, answer, read_functions
from ingest.query.formats import CONTENT_TYPES, STATUSES, compress
from ingest.query.guard.tokens import RefusedQueryError
from ingest.query.native import compress_frames
from ingest.query.request import is_on, read_query
from ingest.same_origin import is_foreign
from sinks.clickhouse.readonly import Connection, Limits, QueryError, ReadOnlyEngine, Result
from sinks.errors import BusyError

Ask = Callable[[Connection, Query], QueryAnswer]

_MAX_BODY_BYTES: Final = 4 * 1024 * 1024  # a query of 256 KiB, and parameters beside it
_MAX_LINE_BYTES: Final = 1024 * 1024  # ClickHouse's http_max_uri_size
_CHUNK_BYTES: Final = 256 * 1024
_SEND_SECONDS: Final = 60.0
_BODY_SECONDS: Final = 10.0
#: The bounds of this listener's connections; a head is longer than other listeners' by a query in its URL.
CONNECTION_LIMITS: Final = ConnectionLimits(listener=Listener.QUERY, head_bytes=_MAX_LINE_BYTES + 128 * 1024)

#: clickhouse-java expects bodies with these statuses to be uncompressed.
_PLAIN_STATUSES: Final = frozenset({401, 403})
_QUERY_ID: Final = re.compile(r"[!-~]{1,128}")


@asynccontextmanager
async def serve(
    path: Path,
    host: str,
    port: int,
    *,
    database: str = "dlr",
    limits: Limits | None = None,
    on_stuck: Callable[[], None] = lambda: None,
) -> AsyncIterator[int]:
    """
    Answer at `host`:`port` from the engine that this process has open at `path`; yields the port (for 0: the one that
    the system chose).

    `on_stuck` is called if a query does not end long after its time limit; the caller decides what happens to the
    process. Raises OSError if the address can't be had, and `QueryError` if the database can't.
    """
    engine = await asyncio.to_thread(ReadOnlyEngine, path, database, limits)
    try:
        async with serve_app(make_app(engine), host, port) as bound, in_background(_watch(engine, on_stuck)):
            yield bound
    finally:
        await engine.close()
        if engine.stuck.is_set():
            on_stuck()


async def _watch(engine: ReadOnlyEngine, on_stuck: Callable[[], None]) -> None:
    await engine.stuck.wait()
    on_stuck()


@asynccontextmanager
async def serve_app(
    app: web.Application, host: str, port: int, connection_limits: ConnectionLimits = CONNECTION_LIMITS
) -> AsyncIterator[int]:
    """Serve with the options that this interface needs of aiohttp; yields the port."""
    runner = serving.AppRunner(
        app,
        limits=connection_limits,
        handler_cancellation=True,  # kills the query of a client that hangs up
        max_line_size=_MAX_LINE_BYTES,
        shutdown_timeout=1.0,
    )
    async with serving.serve(runner, host, port) as bound:
        yield bound


def make_app(
    engine: ReadOnlyEngine, ask: Ask | None = None, *, max_body_bytes: int = _MAX_BODY_BYTES
) -> web.Application:
    """Make the application over the engine; `ask` replaces the answering that only reads."""
    if ask is None:
        ask = partial(answer, functions=read_functions(engine.own), database=engine.database, limits=engine.limits)
    handlers = _Handlers(engine, ask, BodyReader(BodyLimits(most=max_body_bytes, seconds=_BODY_SECONDS)))
    app = web.Application(middlewares=[_turn_pages_away], client_max_size=max_body_bytes)
    app.router.add_get("/", handlers.greet_or_answer, allow_head=False)
    app.router.add_post("/", handlers.answer)
    app.router.add_get("/ping", _pong)
    app.router.add_get("/replicas_status", _pong)
    return app


async def _pong(_: web.Request) -> web.Response:
    return web.Response(text="Ok.\n")


@web.middleware
async def _turn_pages_away(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    if is_foreign(request):
        raise web.HTTPForbidden(text="Only for clients on this machine, and not for web pages.\n")
    return await handler(request)


class _Reply(NamedTuple):
    body: bytes
    headers: Mapping[str, str]


class _Handlers:
    def __init__(self, engine: ReadOnlyEngine, ask: Ask, bodies: BodyReader) -> None:
        self._engine = engine
        self._bodies = bodies
        self._ask = ask
        self._version = engine.own.query("SELECT version()").body.decode().strip()

    async def greet_or_answer(self, request: web.Request) -> web.StreamResponse:
        return await (self.answer(request) if request.query.get("query") else _pong(request))

    async def answer(self, request: web.Request) -> web.StreamResponse:
        try:
            work = partial(self._reply, request=request, query=await read_query(request, self._bodies))
            async with self._engine.place():
                return await _send(request, await self._engine.run(work))
        except (RefusedQueryError, QueryError) as error:
            return self._error(request, error.code, str(error))
        except BusyError as error:
            return self._error(request, 202, f"Code: 202. DB::Exception: {error}. (TOO_MANY_SIMULTANEOUS_QUERIES)")
        except TimeoutError:
            return self._error(request, 159, "Code: 159. DB::Exception: the query took too long. (TIMEOUT_EXCEEDED)")

    def _reply(self, connection: Connection, *, request: web.Request, query: Query) -> _Reply:
        """Answer in one of the engine's threads."""
        result, output_format = self._ask(connection, query)
        headers = {
            "Content-Type": CONTENT_TYPES.get(output_format, "text/plain; charset=UTF-8"),
            "X-ClickHouse-Format": output_format,
            "X-ClickHouse-Summary": _summary(result),
        }
        body, encoding = _pack(request, result.body)
        return _Reply(body, {**headers, **encoding})

    def _error(self, request: web.Request, code: int, text: str) -> web.Response:
        status = STATUSES.get(code, 500)
        body = f"{text} (version {self._version})\n".encode()
        encoding: Mapping[str, str] = {}
        if status not in _PLAIN_STATUSES:
            body, encoding = _pack(request, body)
        return web.Response(
            status=status,
            body=body,
            content_type="text/plain",
            charset="UTF-8",
            headers={**_headers(request), **encoding, "X-ClickHouse-Exception-Code": str(code)},
        )


def _pack(request: web.Request, body: bytes) -> tuple[bytes, Mapping[str, str]]:
    """Compress as the client wishes, in ClickHouse's way, in HTTP's, or both; return HTTP's header with it."""
    if is_on(request.query, "compress"):
        body = compress_frames(body)
    if is_on(request.query, "enable_http_compression", default="1"):
        body, encoding = compress(body, request.headers.get("Accept-Encoding", ""))
        if encoding:
            return body, {"Content-Encoding": encoding}
    return body, {}


def _headers(request: web.Request) -> Mapping[str, str]:
    query_id = request.query.get("query_id", "")
    return {
        "X-ClickHouse-Query-Id": query_id if _QUERY_ID.fullmatch(query_id) else str(uuid.uuid4()),
        "X-ClickHouse-Server-Display-Name": "dlrhub",
        "X-ClickHouse-Timezone": "UTC",
    }


async def _send(request: web.Request, reply: _Reply) -> web.StreamResponse:
    """Send piece by piece, no faster than the client reads; hang up on a client that reads too slowly."""
    response = web.StreamResponse(headers={**reply.headers, **_headers(request)})
    response.content_length = len(reply.body)
    await response.prepare(request)
    try:
        async with asyncio.timeout(_SEND_SECONDS):
            for start in range(0, len(reply.body), _CHUNK_BYTES):
                await response.write(memoryview(reply.body)[start : start + _CHUNK_BYTES])
            await response.write_eof()
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()
    return response


def _summary(result: Result) -> str:
    counts = {
        "read_rows": result.read_rows,
        "read_bytes": result.read_bytes,
        "written_rows": 0,
        "written_bytes": 0,
        "total_rows_to_read": 0,
        "result_rows": result.rows,
        "result_bytes": len(result.body),
        "elapsed_ns": int(result.seconds * 1e9),
    }
    return orjson.dumps({name: str(count) for name, count in counts.items()}).decode()
