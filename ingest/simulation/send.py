"""
Sends callbacks as a provider does: a callback that was not acknowledged is posted again.

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
from ingest.simulation.persistence import PATIENCE_SECONDS, TIMEOUT, FinalAnswer, persist
from ingest.simulation.plan import PlannedCallback, PlannedRequest
from ingest.simulation.submit import SubmissionSender
from ingest.simulation.targets import Line

_SHOWN_BYTES: Final = 100
_STORED: Final = 200


@dataclass(slots=True)
class Sent:
    """One provider's callbacks, counted. `unexpected` counts other answers by status; `answers` has one of each."""

    callbacks: int = 0
    acknowledged: int = 0
    malformed: int = 0
    retries: int = 0
    unexpected: Counter[int] = field(default_factory=Counter)
    answers: dict[int, str] = field(default_factory=dict)
    seconds: "array[float]" = field(default_factory=lambda: array("d"))


class CallbackSender:
    """Sends callbacks to the accounts of their providers, and records them in the ledger."""

    def __init__(
        self,
        url: str,
        lines: Mapping[str, Line],
        ledger: Ledger,
        submissions: SubmissionSender | None = None,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        """Send to the receiver at `url`, and first tell of what was submitted, where `submissions` is given."""
        self.submissions = submissions
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
            if self.submissions is not None and callback.submissions:
                line = self._lines[callback.provider]
                await self.submissions.send(session, line, callback.submissions, self.ledger)
            try:
                acknowledged = await self._deliver(session, callback)
            finally:
                self.ledger.record(callback, acknowledged=acknowledged)
            advance()

    async def _deliver(self, session: aiohttp.ClientSession, callback: PlannedCallback) -> bool:
        """Send a callback until it has a final answer, and return whether that answer was the expected one."""
        line, sent = self._lines[callback.provider], self.sent[callback.provider]
        request = line.dialect.request(callback, line.account)
        if callback.spoil is not None:
            request = callback.spoil.make(request, callback.reports[0].message_id)
        sent.callbacks += 1
        answer = await self._post(session, line, request)
        sent.retries += answer.retries
        sent.seconds.append(answer.seconds)
        if callback.spoil is not None:
            expected = answer.status == line.malformed
            sent.malformed += expected
        else:
            expected = answer.status == _STORED and line.dialect.acknowledges(request, answer.body)
            sent.acknowledged += expected
        if not expected:
            sent.unexpected[answer.status] += 1
            sent.answers.setdefault(answer.status, answer.body[:_SHOWN_BYTES].decode("utf-8", "replace"))
        return expected

    async def _post(self, session: aiohttp.ClientSession, line: Line, request: PlannedRequest) -> FinalAnswer:
        query = f"?{request.query}" if request.query else ""
        url = URL(f"{self.url}{line.path}{query}", encoded=True)  # as it is: Santo sends a raw `|`
        content = {"data": request.body, "headers": {"Content-Type": request.content_type}}
        return await persist(
            session,
            f"the receiver at {self.url}",
            request.method,
            url,
            patience_seconds=self._patience_seconds,
            **(content if request.method == "POST" else {}),
        )


def _paced(callbacks: Iterable[PlannedCallback], per_second: float) -> Iterator[tuple[float, PlannedCallback]]:
    """Yield each callback with the time (of the monotonic clock) at which it is to be sent."""
    started_at = time.monotonic()
    between = 1 / per_second if per_second else 0.0
    for number, callback in enumerate(callbacks):
        yield started_at + number * between, callback
