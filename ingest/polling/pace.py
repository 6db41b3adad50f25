"""Limits how fast one account's provider is asked: requests per minute, requests at once, and pauses after failures."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from normalizers.polling import PollOutcome
from sinks.backoff import Backoff

_FIRST_PAUSE_SECONDS: Final = 1.0
_LONGEST_PAUSE_SECONDS: Final = 300.0
#: The pause after a provider denies access to the account: somebody has to correct something first.
DENIED_SECONDS: Final = 900.0
_LONGEST_RETRY_AFTER_SECONDS: Final = 3600.0
_LOOK_SECONDS: Final = 0.25


class Pace:
    """
    Gives each request its turn: `requests_per_minute` turns, evenly spaced, and at most `concurrency` at once.

    After a failure there are no turns for a pause, which grows with every failure in a row. Then one request is sent,
    and the others wait for its outcome; a request takes at most `probe_seconds`.
    """

    def __init__(self, requests_per_minute: int, concurrency: int, probe_seconds: float) -> None:
        self._interval = 60 / requests_per_minute
        self._turns = asyncio.Semaphore(concurrency)
        self._probe_seconds = probe_seconds
        self._next = 0.0
        self._paused_until = 0.0
        self._failing = False
        self._backoff = Backoff(_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS)
        #: How many requests were answered: while others are, a failing request is itself at fault.
        self.answered = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn, and hold it during the block."""
        async with self._turns:
            await self._wait()
            yield

    async def _wait(self) -> None:
        clock = asyncio.get_running_loop().time
        while (wait := max(self._next, self._paused_until) - clock()) > 0:  # noqa: ASYNC110 - other tasks change both
            await asyncio.sleep(min(wait, _LOOK_SECONDS))
        self._next = clock() + self._interval
        if self._failing:
            self._paused_until = clock() + self._probe_seconds

    def note(self, outcome: PollOutcome, retry_after_seconds: float = 0) -> float:
        """Note the outcome of a request, and return the pause in seconds that it causes."""
        if not outcome.passing:
            self._failing = False
            self._backoff.reset()
            self._paused_until = 0.0
            self.answered += 1
            return 0.0
        self._failing = True
        seconds = DENIED_SECONDS if outcome is PollOutcome.DENIED else self._backoff.pause()
        seconds = max(seconds, min(retry_after_seconds, _LONGEST_RETRY_AFTER_SECONDS))
        self._paused_until = asyncio.get_running_loop().time() + seconds
        return seconds
