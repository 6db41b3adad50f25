"""Serves the polled providers of the simulation: answers requests, sometimes wrongly on purpose, and counts answers."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from aiohttp import web

from ingest.http_server.serving import serve
from ingest.simulation.known_messages import KnownMessages
from ingest.simulation.wrong_answers import WRONG, Handler


@dataclass
class PolledProvider(ABC):
    """A provider that is polled about `messages`; without `credentials` it answers everybody."""

    name: ClassVar[str]
    messages: KnownMessages
    credentials: Mapping[str, str] | None

    @abstractmethod
    def routes(self) -> Iterable[web.RouteDef]:
        """Return the routes of the provider's interface."""


class PullServer:
    """
    Serves `providers`, and answers the share `faults` of the requests wrongly.

    `answers` counts the answers by provider and HTTP status.
    """

    def __init__(self, providers: Sequence[PolledProvider], *, faults: float = 0.0, seed: int = 1) -> None:
        self._routes = [route for provider in providers for route in provider.routes()]
        self._faults = faults
        self._rng = Random(seed)
        self.providers = {route.path: provider.name for provider in providers for route in provider.routes()}
        self.answers: Counter[tuple[str, str]] = Counter()

    def app(self) -> web.Application:
        """Return the server's application."""
        app = web.Application(middlewares=[self.respond])
        app.add_routes(self._routes)
        return app

    @asynccontextmanager
    async def serve(self, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
        """Serve; yields the address, as in `http://127.0.0.1:9090`."""
        runner = web.AppRunner(self.app(), access_log=None, shutdown_timeout=0.5)
        async with serve(runner, host, port) as bound:
            yield f"http://{host}:{bound}"

    @web.middleware
    async def respond(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer a request as its handler does, or wrongly, and count the answer."""
        wrong = self._rng.random() < self._faults
        answer = await (self._rng.choice(WRONG) if wrong else handler)(request)
        self.answers[self.providers[request.path], str(answer.status)] += 1
        return answer
