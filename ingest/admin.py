"""The admin door: what an operator, a probe and Prometheus ask of a running dlrhub."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector

from ingest.settings import AdminSettings

#: Names what is asked, and tells what is wrong with it (empty where nothing is).
Check = Callable[[], Awaitable[str]]

_OPEN_PATHS: Final = frozenset({"/healthz", "/readyz"})


class Admin:
    """Handlers of the admin door."""

    def __init__(self, checks: Mapping[str, Check], metrics_dir: Path) -> None:
        """Answer `/readyz` from `checks`, and `/metrics` from the values that the processes share in `metrics_dir`."""
        self._checks = checks
        self._metrics_dir = metrics_dir

    async def healthz(self, _: web.Request) -> web.Response:
        """Say that the supervisor is alive."""
        return web.Response(text="ok\n")

    async def readyz(self, _: web.Request) -> web.Response:
        """Say whether every part does its work: 200, or 503 and what is wrong."""
        faults = dict(
            zip(self._checks, await asyncio.gather(*(check() for check in self._checks.values())), strict=True)
        )
        lines = [f"{name}: {fault or 'ok'}\n" for name, fault in faults.items()]
        return web.Response(status=503 if any(faults.values()) else 200, text="".join(lines))

    async def metrics(self, request: web.Request) -> web.Response:
        """Show the series of all processes, in the text format that is asked for."""
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        body = await asyncio.to_thread(lambda: encode(self._registry()))
        return web.Response(body=body, headers={"Content-Type": content_type})

    def _registry(self) -> CollectorRegistry:
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=str(self._metrics_dir))  # type: ignore[no-untyped-call]
        return registry


def make_app(admin: Admin, settings: AdminSettings) -> web.Application:
    """Return the admin door's application; with a token set, all but the probes ask for it as a bearer token."""
    token = settings.token.get_secret_value() if settings.token else ""

    @web.middleware
    async def authenticate(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        given = request.headers.get("Authorization", "")
        if (
            token
            and request.path not in _OPEN_PATHS
            and not hmac.compare_digest(given.encode("utf-8", "surrogateescape"), f"Bearer {token}".encode())
        ):
            raise web.HTTPUnauthorized(headers={"WWW-Authenticate": "Bearer"})
        return await handler(request)

    app = web.Application(middlewares=[authenticate])
    app.router.add_get("/healthz", admin.healthz)
    app.router.add_get("/readyz", admin.readyz)
    app.router.add_get("/metrics", admin.metrics)
    return app
