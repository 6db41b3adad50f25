"""
Sends callbacks as a provider does, and again if they are not acknowledged.

After failed connections and temporary errors a callback is sent again with growing pauses, for a minute; then the run
ends. Any other unexpected answer is final, and counted.
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
from ingest.simulation.targets import Target

_SHOWN_BYTES: Final = 100
_STORED: Final = 200


@dataclass(slots=True)
class Sent:
    """Counts of one provider's callbacks; `unexpected` are answers by status, and `answers` has one of each."""

    callbacks: int = 0
    unexpected: Counter[int] = field(default_factory=Counter)
    answers: dict[int, str] = field(default_factory=dict)
    seconds: "array[float]" = field(default_factory=lambda: array("d"))
    acknowledged: int = 0
    malformed: int = 0
    retries: int = 0


@dataclass
class CallbackSender:
    """
    Sends callbacks to the receiver at `url`, and records them in the ledger.

    With `submissions`, the submissions of a callback's messages are posted before it.
    """

    url: str
    targets: Mapping[str, Target]
    ledger: Ledger
    submissions: SubmissionSender | None = None
    patience_seconds: float = PATIENCE_SECONDS
    sent: dict[str, Sent] = field(init=False)

    def __post_init__(self) -> None:
        self.url = self.url.rstrip("/")
        self.sent = {name: Sent() for name in self.targets}

    async def send(
        self, callbacks: Iterable[PlannedCallback], *, per_second: float, concurrency: int, advance: Callable[[], None]
    ) -> None:
        """
        Send all callbacks, `concurrency` at a time, and call `advance` after each; raises `UnreachableError`.

        With `per_second` 0, they are sent as fast as possible.
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
        """Take the next callback, wait until its time, and send it; all workers share the iterator."""
        for due_at, callback in paced:
            await asyncio.sleep(due_at - time.monotonic())
            acknowledged = False
            if self.submissions is not None and callback.submissions:
                target = self.targets[callback.provider]
                await self.submissions.send(session, target, callback.submissions, self.ledger)
            try:
                acknowledged = await self._deliver(session, callback)
            finally:
                self.ledger.record(callback, acknowledged=acknowledged)
            advance()

    async def _deliver(self, session: aiohttp.ClientSession, callback: PlannedCallback) -> bool:
        """Send a callback until it has a final answer, and return whether that answer was the expected one."""
        target, sent = self.targets[callback.provider], self.sent[callback.provider]
        request = target.dialect.request(callback, target.account)
        if callback.spoil is not None:
            request = callback.spoil.make(request, callback.reports[0].message_id)
        sent.callbacks += 1
        answer = await self._post(session, target, request)
        sent.retries += answer.retries
        sent.seconds.append(answer.seconds)
        if callback.spoil is not None:
            expected = answer.status == target.malformed
            sent.malformed += expected
        else:
            expected = answer.status == _STORED and target.dialect.acknowledges(request, answer.body)
            sent.acknowledged += expected
        if not expected:
            sent.unexpected[answer.status] += 1
            sent.answers.setdefault(answer.status, answer.body[:_SHOWN_BYTES].decode("utf-8", "replace"))
        return expected

    async def _post(self, session: aiohttp.ClientSession, target: Target, request: PlannedRequest) -> FinalAnswer:
        query = f"?{request.query}" if request.query else ""
        url = URL(f"{self.url}{target.path}{query}", encoded=True)  # not encoded again: Santo sends a raw `|`
        content = {"data": request.body, "headers": {"Content-Type": request.content_type}}
        return await persist(
            session,
            f"the receiver at {self.url}",
            request.method,
            url,
            patience_seconds=self.patience_seconds,
            **(content if request.method == "POST" else {}),
        )


def _paced(callbacks: Iterable[PlannedCallback], per_second: float) -> Iterator[tuple[float, PlannedCallback]]:
    """Yield each callback with the time (of the monotonic clock) at which it is to be sent."""
    started_at = time.monotonic()
    between = 1 / per_second if per_second else 0.0
    for number, callback in enumerate(callbacks):
        yield started_at + number * between, callback
