"""Repeats a failed request for a while, as providers do until they get an acknowledgement."""

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
    """The receiver or the admin listener does not answer as it should; the text says which one, and why."""


class FinalAnswer(NamedTuple):
    """The answer to the last try of a request, the duration of that try, and the number of tries before it."""

    status: int
    body: bytes
    seconds: float
    retries: int


async def persist(
    session: aiohttp.ClientSession, name: str, method: str, url: str | URL, *, patience_seconds: float, **request: Any
) -> FinalAnswer:
    """
    Send a request until it gets an answer that is no temporary error.

    After `patience_seconds` it raises an `UnreachableError` that names `name`.
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
