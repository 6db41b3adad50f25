"""Tries a failed request again for a while, as a provider does until it is acknowledged."""

import asyncio
import time
from typing import Any, Final, NamedTuple

import aiohttp
from yarl import URL

from sinks.backoff import Backoff

TIMEOUT: Final = aiohttp.ClientTimeout(total=30, connect=5)
PATIENCE_SECONDS: Final = 60.0
_FIRST_PAUSE_SECONDS: Final = 0.1
_LONGEST_PAUSE_SECONDS: Final = 5.0
_AGAIN: Final = frozenset({408, 429, 500, 502, 503, 504})


class UnreachableError(Exception):
    """The receiver or the admin listener does not answer, or not as it has to; the text says which, and how."""


class FinalAnswer(NamedTuple):
    """The answer to the last try of a request, how long that try took, and how many tries went before it."""

    status: int
    body: bytes
    seconds: float
    retries: int


async def persist(
    session: aiohttp.ClientSession, name: str, method: str, url: str | URL, *, patience_seconds: float, **request: Any
) -> FinalAnswer:
    """
    Make a request until its answer asks for no other try.

    Raises `UnreachableError`, which says that `name` can't be reached, after `patience_seconds`.
    """
    backoff = Backoff(_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS)
    give_up_at = time.monotonic() + patience_seconds
    retries = 0
    while True:
        started = time.monotonic()
        try:
            async with session.request(method, url, **request) as response:
                body = await response.read()
                if response.status not in _AGAIN:
                    return FinalAnswer(response.status, body, time.monotonic() - started, retries)
                trouble = f"it answers {response.status}"
        except (aiohttp.ClientError, TimeoutError) as error:
            trouble = str(error) or type(error).__name__
        if time.monotonic() > give_up_at:
            raise UnreachableError(f"{name} can't be reached: {trouble}")
        retries += 1
        await asyncio.sleep(backoff.pause())
