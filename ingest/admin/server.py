"""The admin listener: probes and metrics of a running dlrhub, for operators and Prometheus."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder

from ingest.http_server.connections import ConnectionLimits
from ingest.http_server.serving import AppRunner, serve
from ingest.metrics.catalogue import Listener
from ingest.metrics.series import Totals
from ingest.same_origin import has_own_host
from ingest.settings.settings import AdminSettings

#: Returns the fault of one part of the program, or an empty text.
Check = Callable[[], Awaitable[str]]

#: Paths without a token: the probes, and the status page's files, which hold no data.
_OPEN_PATHS: Final = frozenset({"/healthz", "/readyz", "/", "/page/{name}"})

CONNECTION_LIMITS: Final = ConnectionLimits(listener=Listener.ADMIN)

_OTHER_HOST: Final = '{"error": "ask by address or as localhost, or set admin.token"}\n'


class Admin:
    """Handlers of the admin listener."""

    def __init__(self, checks: Mapping[str, Check], totals: Totals) -> None:
        """Answer `/readyz` from `checks`, and `/metrics` from `totals`."""
        self._checks = checks
        self._registry = CollectorRegistry()
        self._registry.register(totals)
        ProcessCollector(registry=self._registry)

    async def healthz(self, _: web.Request) -> web.Response:
        """Say that the supervisor is alive."""
        return web.Response(text="ok\n")

    async def readyz(self, _: web.Request) -> web.Response:
        """Say whether every part does its work: 200, or 503 with the faults."""
        faults = dict(
            zip(self._checks, await asyncio.gather(*(check() for check in self._checks.values())), strict=True)
        )
        lines = [f"{name}: {fault or 'ok'}\n" for name, fault in faults.items()]
        return web.Response(status=503 if any(faults.values()) else 200, text="".join(lines))

    async def metrics(self, request: web.Request) -> web.Response:
        """Show the series of all processes, in the text format that is asked for."""
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(self._registry), headers={"Content-Type": content_type})


def make_app(admin: Admin, settings: AdminSettings) -> web.Application:
    """
    Return the admin listener's application.

    With a token set, most paths require it as a bearer token. Without one, only requests to an address or `localhost` are
    answered, so that no web page can read it through a host name that points to this machine.
    """
    token = settings.token.get_secret_value() if settings.token else ""

    @web.middleware
    async def authenticate(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if not token and not has_own_host(request):
            raise web.HTTPForbidden(text=_OTHER_HOST, content_type="application/json")
        given = request.headers.get("Authorization", "")
        resource = request.match_info.route.resource
        if (
            token
            and not (resource and resource.canonical in _OPEN_PATHS)
            and not hmac.compare_digest(given.encode("utf-8", "surrogateescape"), f"Bearer {token}".encode())
        ):
            raise web.HTTPUnauthorized(headers={"WWW-Authenticate": "Bearer"})
        return await handler(request)

    app = web.Application(middlewares=[authenticate])
    app.router.add_get("/healthz", admin.healthz)
    app.router.add_get("/readyz", admin.readyz)
    app.router.add_get("/metrics", admin.metrics)
    return app


def serve_app(
    app: web.Application, host: str, port: int, connection_limits: ConnectionLimits = CONNECTION_LIMITS
) -> AbstractAsyncContextManager[int]:
    """Serve the application at an address until the block ends; the block gets the port."""
    return serve(AppRunner(app, limits=connection_limits), host, port)
