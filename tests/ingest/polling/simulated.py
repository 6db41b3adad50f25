"""The simulated providers, with states and answers that a test sets, and a record of their requests."""

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from ingest.simulation.dialects.cmessages import CmessagesServer
from ingest.simulation.dialects.juhe import JuheServer, pulled_report
from ingest.simulation.dialects.santo import SantoServer
from ingest.simulation.known_messages import KnownMessages
from ingest.simulation.pull import PullServer
from ingest.simulation.wrong_answers import Handler


class ToldMessages(KnownMessages):
    """Messages of which a test says how they fare."""

    def __init__(self, states: Mapping[str, str], seed: int = 1) -> None:
        """Know these; any other message fares as its id hashes to."""
        super().__init__(seed)
        self.states = dict(states)

    def state(self, message_id: str) -> str:
        """Return how a message fares."""
        return self.states.get(message_id) or super().state(message_id)


class SimulatedProviders(PullServer):
    """
    The three providers that are asked.

    `forced` holds answers that go out first, by provider; `requests` what was asked: provider, path, and when.
    `handed_over` has the ids of each of Juhe's answers, whose reports and inbound messages wait in `reports`, `inbound`.
    """

    def __init__(
        self,
        *,
        credentials: Mapping[str, Mapping[str, str]],
        states: Mapping[str, str] | None = None,
        forced: Mapping[str, deque[Handler]] | None = None,
        faults: float = 0.0,
        seed: int = 1,
    ) -> None:
        """Ask for these credentials."""
        self.messages = ToldMessages(states or {}, seed)
        self.states = self.messages.states
        juhe = JuheServer(self.messages, credentials.get("juhe"))
        cmessages = CmessagesServer(self.messages, credentials.get("cmessages"))
        santo = SantoServer(self.messages, credentials.get("santo"))
        super().__init__([cmessages, santo, juhe], faults=faults, seed=seed)
        self.reports, self.inbound = juhe.reports, juhe.inbound
        self.forced = dict(forced or {})
        self.requests: list[tuple[str, str, float]] = []
        self.handed_over: list[list[str]] = []

    @web.middleware
    async def respond(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer as a test says, else as the simulation does."""
        provider = self.providers[request.path]
        self.requests.append((provider, request.path, time.monotonic()))
        forced = self.forced.get(provider)
        if forced:
            return await forced.popleft()(request)
        answer = await super().respond(request, handler)
        if provider == "juhe" and isinstance(answer, web.Response) and answer.content_type == "application/json":
            action = (await request.post()).get("action")
            if action in {"report", "mo"} and isinstance(answer.body, bytes):
                items = orjson.loads(answer.body).get("list", [])
                self.handed_over.append([item["mid"] for item in items])
        return answer


def juhe_report(message_id: str) -> dict[str, Any]:
    """Return one delivered report as Juhe hands it over."""
    return pulled_report(message_id, ToldMessages({message_id: "delivered"}))


async def answer_late(_: web.Request) -> web.StreamResponse:
    """Answer after longer than one should wait."""
    await asyncio.sleep(60)
    return web.Response(status=504)
