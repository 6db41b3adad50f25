"""Reads a query from an HTTP request: ClickHouse's URL parameters, headers and compressed bodies."""

import asyncio
from collections.abc import Mapping
from typing import Final

import cramjam
from aiohttp import web

from ingest.http_server.bodies import BodyReader
from ingest.query.execution import Query
from ingest.query.guard.tokens import RefusedQueryError
from ingest.query.native import decompress_frames

_FIELDS_SECONDS: Final = 10.0
_PARAMETER: Final = "param_"
#: Parameters of the URL that are not settings.
_OWN: Final = frozenset(
    """
    buffer_size client_protocol_version compress database decompress default_format enable_http_compression
    http_headers_progress_interval_ms password query query_id quota_key role send_progress_in_http_headers session_check
    session_id session_timeout user wait_end_of_query
    """.split()
)


def is_on(values: Mapping[str, str], name: str, default: str = "0") -> bool:
    """Tell whether a URL parameter is 1 or true."""
    return values.get(name, default).lower() in {"1", "true"}


async def read_query(request: web.Request, bodies: BodyReader) -> Query:
    """Read the request; raises `RefusedQueryError`, and HTTP errors if the body is too large or too slow."""
    values = dict(request.query)
    if request.content_type == "multipart/form-data":
        values, body = {**values, **await _read_fields(request, bodies)}, b""
    else:
        body = _decompress(await bodies.read_or_refuse(request), request, values)
    revision = values.get("client_protocol_version", "")
    return Query(
        query=values.get("query", ""),
        body=body,
        parameters={
            name.removeprefix(_PARAMETER): value for name, value in values.items() if name.startswith(_PARAMETER)
        },
        database=request.headers.get("X-ClickHouse-Database") or values.get("database", ""),
        default_format=request.headers.get("X-ClickHouse-Format") or values.get("default_format") or "TabSeparated",
        revision=int(revision) if revision.isascii() and revision.isdigit() else 0,
        settings={
            name: value for name, value in values.items() if name not in _OWN and not name.startswith(_PARAMETER)
        },
    )


async def _read_fields(request: web.Request, bodies: BodyReader) -> Mapping[str, str]:
    async with bodies.place(request.remote or ""), asyncio.timeout(_FIELDS_SECONDS):
        fields = await request.post()
    if not all(isinstance(value, str) for value in fields.values()):
        raise RefusedQueryError(48, "NOT_IMPLEMENTED", "tables can't be sent along here")
    return {name: str(value) for name, value in fields.items()}


def _decompress(body: bytes, request: web.Request, values: Mapping[str, str]) -> bytes:
    """Decompress lz4 and ClickHouse's frames; aiohttp has decompressed gzip, deflate, br and zstd."""
    most = request.client_max_size
    try:
        if body and request.headers.get("Content-Encoding", "").lower() == "lz4":
            plain = bytearray(most)
            body = bytes(plain[: cramjam.lz4.decompress_into(body, plain)])
        return decompress_frames(body, most) if is_on(values, "decompress") else body
    except (ValueError, cramjam.DecompressionError) as error:
        raise RefusedQueryError(271, "CANNOT_DECOMPRESS", f"the body can't be decompressed: {error}") from None
