"""Repeats an operation until the stream, the store or the disk works again."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

import structlog

from sinks.backoff import Backoff
from sinks.errors import SinkError
from sinks.stream import Producer, Record

_log = structlog.get_logger(__name__)

_T = TypeVar("_T")

_FIRST_PAUSE_SECONDS: Final = 0.5
_LONGEST_PAUSE_SECONDS: Final = 30.0


async def until_done(
    attempt: Callable[[], Awaitable[_T]], trouble: str, on_failure: Callable[[], None] = lambda: None
) -> _T:
    """Call `attempt` until it raises no `SinkError`, and return its result; each error is logged as `trouble`."""
    backoff = Backoff(_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS)
    while True:
        try:
            return await attempt()
        except SinkError as error:
            pause = backoff.pause()
            _log.error(trouble, error=str(error), retry_seconds=round(pause, 1))
            on_failure()
            await asyncio.sleep(pause)


async def append(producer: Producer, records: Sequence[Record]) -> None:
    """Return once the records are durable, however long that takes."""
    if records:
        await until_done(lambda: producer.append(records), "stream busy")
