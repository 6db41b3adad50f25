"""Waiting in tests: until a condition holds, for at most some seconds."""

import asyncio
import time
from collections.abc import Callable


async def until(condition: Callable[[], bool], *, seconds: float = 10) -> None:
    """Return once the condition holds; raises TimeoutError if it does not in time."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


def wait_until(condition: Callable[[], bool], *, seconds: float = 60, shown: Callable[[], object] = lambda: "") -> None:
    """Block until the condition holds; fail if it does not in time, with what `shown` returns."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, shown()
        time.sleep(0.05)
