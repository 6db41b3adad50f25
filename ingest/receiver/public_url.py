"""The address that a provider called, as the provider wrote it: some providers sign it."""

import re
from typing import Final

from aiohttp import web

from ingest.networks import within
from ingest.settings.settings import ReceiverSettings

_SCHEME_AND_HOST: Final = re.compile("^https?://[^/?#]*", re.IGNORECASE)


def called_path(request: web.BaseRequest) -> tuple[str, str]:
    """Return path and query of a request's target, before which a client may put scheme and host (RFC 9112, 3.2.2)."""
    path, _, query = _SCHEME_AND_HOST.sub("", request.raw_path, count=1).partition("?")
    return path, query


def called_url(request: web.BaseRequest, settings: ReceiverSettings) -> str:
    """
    Return scheme, host and path of a request as its sender wrote them.

    Behind a proxy these are those of `public_url`, or what a trusted proxy says in X-Forwarded-Proto and
    X-Forwarded-Host; else what this connection says.
    """
    path, _ = called_path(request)
    if settings.public_url is not None:
        return settings.public_url.rstrip("/") + path
    proto, host = request.scheme, request.headers.get("Host", "")
    if within(request.remote or "", settings.trusted_proxies):
        proto = _nearest(request, "X-Forwarded-Proto") or proto
        host = _nearest(request, "X-Forwarded-Host") or host
    return f"{proto}://{host}{path}"


def _nearest(request: web.BaseRequest, name: str) -> str:
    """Return the value that the nearest proxy added, which is the last one."""
    return ",".join(request.headers.getall(name, ())).rpartition(",")[2].strip()
