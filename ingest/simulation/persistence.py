"""Tries a failed request again for a while, as a provider does until it is acknowledged."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

import aiohttp

from sinks.backoff import Backoff

PATIENCE_SECONDS: Final = 60.0
_FIRST_PAUSE_SECONDS: Final = 0.1
_LONGEST_PAUSE_SECONDS: Final = 5.0
_AGAIN: Final = frozenset({408, 429, 500, 502, 503, 504})


class UnreachableError(Exception):
    """The receiver or the admin listener does not answer, or not as it has to; the text says which, and how."""


async def persist(
    url: str,
    attempt: Callable[[], Awaitable[tuple[int, bytes]]],
    *,
    patience_seconds: float,
    on_retry: Callable[[], None],
) -> tuple[int, bytes, float]:
    """
    Make a request to `url` until its answer asks for no other try; return status, body and how many seconds the last
    try took.

    `on_retry` is called before each pause. Raises `UnreachableError` after `patience_seconds`.
    """
    backoff = Backoff(_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS)
    give_up_at = time.monotonic() + patience_seconds
    while True:
        started = time.monotonic()
        try:
            status, body = await attempt()
            if status not in _AGAIN:
                return status, body, time.monotonic() - started
            trouble = f"it answers {status}"
        except (aiohttp.ClientError, TimeoutError) as error:
            trouble = str(error) or type(error).__name__
        if time.monotonic() > give_up_at:
            raise UnreachableError(f"{url} can't be reached: {trouble}")
        on_retry()
        await asyncio.sleep(backoff.pause())
