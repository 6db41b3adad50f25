"""A cache of answers: many open pages cost the store as much as one."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from math import inf
from typing import Any, Final, TypeVar

T = TypeVar("T")

LEAST_SECONDS: Final = 4.0
_TIMES_ITS_COST: Final = 10
_MOST: Final = 500


@dataclass(slots=True)
class _Kept:
    task: "asyncio.Task[Any]"
    until: float = inf


class Answers:
    """
    Answers by key. A caller that asks for an answer which is being made waits for it, and gets its error if it fails.

    Each is kept for `least_seconds`, or ten times as long as it took where that is longer, so that no key keeps the
    store busy for more than a tenth of the time. A failure is kept for `least_seconds`, or as long as it took: the page
    notices soon that the store is back.
    """

    def __init__(self) -> None:
        """Begin with an empty cache."""
        self._kept: dict[Hashable, _Kept] = {}

    async def get(self, key: Hashable, make: Callable[[], Awaitable[T]], least_seconds: float = LEAST_SECONDS) -> T:
        """Return the cached answer, or make it; raises any error that `make` raised."""
        now = asyncio.get_running_loop().time()
        kept = self._kept.get(key)
        if kept is None or kept.until < now:
            kept = self._kept[key] = self._make(make, least_seconds)
            self._forget(now)
        return await asyncio.shield(kept.task)

    def _make(self, make: Callable[[], Awaitable[T]], least_seconds: float) -> _Kept:
        loop = asyncio.get_running_loop()
        started = loop.time()

        async def made() -> T:
            times = 1
            try:
                answer = await make()
                times = _TIMES_ITS_COST
                return answer
            finally:
                kept.until = loop.time() + max(least_seconds, times * (loop.time() - started))

        kept = _Kept(asyncio.create_task(made()))
        kept.task.add_done_callback(lambda task: task.cancelled() or task.exception())  # somebody may have seen it
        return kept

    def _forget(self, now: float) -> None:
        """Drop expired answers once there are many."""
        if len(self._kept) > _MOST:
            self._kept = {key: kept for key, kept in self._kept.items() if kept.until >= now}

    async def close(self) -> None:
        """Cancel the answers that are being made."""
        for kept in self._kept.values():
            kept.task.cancel()
        await asyncio.gather(*(kept.task for kept in self._kept.values()), return_exceptions=True)
