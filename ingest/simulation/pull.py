"""
The providers that are asked, as one server.

Each provider is a file in `dialects`; here its answers are served, now and then a wrong one in their place, and
counted.
"""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import NamedTuple, Protocol

from aiohttp import web

from ingest import http_server
from ingest.simulation.wrong_answers import WRONG

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Route(NamedTuple):
    """The paths of a provider's interface and their handlers."""

    method: str
    path: str
    handler: Handler


class AskedProvider(Protocol):
    """A provider that is asked."""

    @property
    def name(self) -> str:
        """Its name."""

    def routes(self) -> Iterable[Route]:
        """Return the addresses of its document."""


class PullServer:
    """Serves the providers; `answers` counts what they answered, by provider and HTTP status."""

    def __init__(self, providers: Sequence[AskedProvider], *, faults: float = 0.0, seed: int = 1) -> None:
        """Serve `providers`; the share `faults` of the requests is answered wrongly."""
        self._providers = providers
        self._faults = faults
        self._rng = Random(seed)  # noqa: S311 - traffic, not secrets
        self.answers: Counter[tuple[str, str]] = Counter()

    def app(self) -> web.Application:
        """Return the server's application."""
        app = web.Application()
        for provider in self._providers:
            for route in provider.routes():
                app.router.add_route(route.method, route.path, self._counted(provider.name, route.handler))
        return app

    @asynccontextmanager
    async def serve(self, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
        """Serve; yields the address, as in `http://127.0.0.1:9090`."""
        runner = web.AppRunner(self.app(), access_log=None, shutdown_timeout=0.5)
        async with http_server.serve(runner, host, port) as bound:
            yield f"http://{host}:{bound}"

    async def respond(self, provider: str, request: web.Request, handler: Handler) -> web.StreamResponse:  # noqa: ARG002 - tests answer by provider
        """Answer a request as its handler does, or wrongly."""
        wrong = self._rng.random() < self._faults
        return await (self._rng.choice(WRONG) if wrong else handler)(request)

    def _counted(self, provider: str, handler: Handler) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            answer = await self.respond(provider, request, handler)
            self.answers[provider, str(answer.status)] += 1
            return answer

        return handle
