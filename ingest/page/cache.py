"""Caches answers of the store, so that many open pages cost it as much as one."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from math import inf
from typing import Any, Final, TypeVar

T = TypeVar("T")

LEAST_SECONDS: Final = 4.0
#: An answer is kept for this many times as long as it took.
_COST_FACTOR: Final = 10
_MOST: Final = 500


@dataclass(slots=True)
class _Entry:
    task: "asyncio.Task[Any]"
    until: float = inf


class Answers:
    """
    A cache of answers by key. Callers that ask for the same answer at the same time wait for one result, or one error.

    An answer is kept for `least_seconds`, or ten times as long as it took if that is longer, so that no key keeps the
    store busy for more than a tenth of the time. An error is kept for `least_seconds`, or only as long as it took, so
    that the page soon notices when the store is back.
    """

    def __init__(self) -> None:
        self._entries: dict[Hashable, _Entry] = {}

    async def get(self, key: Hashable, make: Callable[[], Awaitable[T]], least_seconds: float = LEAST_SECONDS) -> T:
        """Return the cached answer, or make it; raises any error that `make` raised."""
        now = asyncio.get_running_loop().time()
        entry = self._entries.get(key)
        if entry is None or entry.until < now:
            entry = self._entries[key] = self._make(make, least_seconds)
            if len(self._entries) > _MOST:
                self._entries = {other: entry for other, entry in self._entries.items() if entry.until >= now}
        return await asyncio.shield(entry.task)

    def _make(self, make: Callable[[], Awaitable[T]], least_seconds: float) -> _Entry:
        loop = asyncio.get_running_loop()
        started = loop.time()

        async def made() -> T:
            factor = 1
            try:
                answer = await make()
                factor = _COST_FACTOR
                return answer
            finally:
                entry.until = loop.time() + max(least_seconds, factor * (loop.time() - started))

        entry = _Entry(asyncio.create_task(made()))
        entry.task.add_done_callback(lambda task: task.cancelled() or task.exception())  # marks the error as seen
        return entry

    async def close(self) -> None:
        """Cancel the answers that are being made."""
        for entry in self._entries.values():
            entry.task.cancel()
        await asyncio.gather(*(entry.task for entry in self._entries.values()), return_exceptions=True)
