"""
Sending: as a provider does, who posts again what was not acknowledged.

Connections that fail, and answers that ask for patience, are tried again with growing pauses, for a minute; then the
receiver counts as gone and the run ends. Any other answer than the expected one is final, and counted.
"""

import asyncio
import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import aiohttp
from yarl import URL

from ingest.simulation.ledger import Ledger
from ingest.simulation.plan import PlannedCallback, PlannedRequest
from ingest.simulation.targets import Line
from sinks.backoff import Backoff

_FIRST_PAUSE_SECONDS: Final = 0.1
_LONGEST_PAUSE_SECONDS: Final = 5.0
_AGAIN: Final = frozenset({408, 429, 500, 502, 503, 504})
_SHOWN_BYTES: Final = 100
_STORED: Final = 200
TIMEOUT: Final = aiohttp.ClientTimeout(total=30, connect=5)


class UnreachableError(Exception):
    """The receiver does not answer."""


@dataclass(slots=True)
class Sent:
    """How sending went, for one provider. `unexpected` counts other answers by status; `answers` has one of each."""

    callbacks: int = 0
    acknowledged: int = 0
    malformed: int = 0
    retries: int = 0
    unexpected: Counter[int] = field(default_factory=Counter)
    answers: dict[int, str] = field(default_factory=dict)
    seconds: "array[float]" = field(default_factory=lambda: array("d"))


class CallbackSender:
    """Sends callbacks over their providers' lines, and keeps the ledger."""

    def __init__(self, url: str, lines: Mapping[str, Line], ledger: Ledger, *, patience_seconds: float = 60.0) -> None:
        """Send to the receiver at `url`; one that answers nothing for `patience_seconds` is given up."""
        self._patience_seconds = patience_seconds
        self.url = url.rstrip("/")
        self._lines = lines
        self.ledger = ledger
        self.sent = {name: Sent() for name in lines}

    async def send(
        self,
        callbacks: Iterable[PlannedCallback],
        *,
        per_second: float,
        concurrency: int,
        advance: Callable[[], None],
    ) -> None:
        """
        Send everything, `concurrency` at a time, and call `advance` after each; raises `UnreachableError`.

        With `per_second` 0 it goes as fast as possible.
        """
        paced = _paced(callbacks, per_second)
        connector = aiohttp.TCPConnector(limit=concurrency)
        async with aiohttp.ClientSession(connector=connector, timeout=TIMEOUT) as session:
            workers = [asyncio.create_task(self._work(session, paced, advance)) for _ in range(concurrency)]
            try:
                await asyncio.gather(*workers)
            finally:
                for worker in workers:
                    worker.cancel()
                await asyncio.gather(*workers, return_exceptions=True)

    async def _work(
        self,
        session: aiohttp.ClientSession,
        paced: Iterator[tuple[float, PlannedCallback]],
        advance: Callable[[], None],
    ) -> None:
        """Take the next callback, wait until its time, deliver it; all workers share the iterator."""
        for due_at, callback in paced:
            await asyncio.sleep(due_at - time.monotonic())
            acknowledged = False
            try:
                acknowledged = await self._deliver(session, callback)
            finally:
                self.ledger.record(callback, acknowledged=acknowledged)
            advance()

    async def _deliver(self, session: aiohttp.ClientSession, callback: PlannedCallback) -> bool:
        """Return whether the callback was answered as it should be, once it is."""
        line, sent = self._lines[callback.provider], self.sent[callback.provider]
        request = line.dialect.request(callback, line.account)
        if callback.spoil is not None:
            request = callback.spoil.make(request, callback.reports[0].message_id)
        sent.callbacks += 1
        status, body = await self._persist(session, line, request, sent)
        if callback.spoil is not None:
            expected = status == line.malformed
            sent.malformed += expected
        else:
            expected = status == _STORED and line.dialect.acknowledges(request, body)
            sent.acknowledged += expected
        if not expected:
            sent.unexpected[status] += 1
            sent.answers.setdefault(status, body[:_SHOWN_BYTES].decode("utf-8", "replace"))
        return expected

    async def _persist(
        self, session: aiohttp.ClientSession, line: Line, request: PlannedRequest, sent: Sent
    ) -> tuple[int, bytes]:
        """Post until there is an answer that does not ask for another try; raises `UnreachableError`."""
        backoff = Backoff(_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS)
        give_up_at = time.monotonic() + self._patience_seconds
        while True:
            started = time.monotonic()
            try:
                status, body = await self._post(session, line, request)
                if status not in _AGAIN:
                    sent.seconds.append(time.monotonic() - started)
                    return status, body
                trouble = f"it answers {status}"
            except (aiohttp.ClientError, TimeoutError) as error:
                trouble = str(error) or type(error).__name__
            if time.monotonic() > give_up_at:
                raise UnreachableError(trouble)
            sent.retries += 1
            await asyncio.sleep(backoff.pause())

    async def _post(self, session: aiohttp.ClientSession, line: Line, request: PlannedRequest) -> tuple[int, bytes]:
        query = f"?{request.query}" if request.query else ""
        url = URL(f"{self.url}{line.path}{query}", encoded=True)  # as it is: Santo sends a raw `|`
        posts = request.method == "POST"
        headers = {"Content-Type": request.content_type} if posts else None
        data = request.body if posts else None
        async with session.request(request.method, url, data=data, headers=headers) as response:
            return response.status, await response.read()


def _paced(callbacks: Iterable[PlannedCallback], per_second: float) -> Iterator[tuple[float, PlannedCallback]]:
    """Yield each callback with the time (of the monotonic clock) at which it is to be sent."""
    started_at = time.monotonic()
    between = 1 / per_second if per_second else 0.0
    for number, callback in enumerate(callbacks):
        yield started_at + number * between, callback
