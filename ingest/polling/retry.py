"""Appending to the stream for one who can wait: nothing is given up while the stream is away."""

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog

from sinks.errors import SinkError
from sinks.stream import Producer, Record

_log = structlog.get_logger(__name__)

_FIRST_BACKOFF_SECONDS: Final = 0.5
_LONGEST_BACKOFF_SECONDS: Final = 30.0


async def append(producer: Producer, records: Sequence[Record]) -> None:
    """Return once the records are durable, however long that takes."""
    backoff = _FIRST_BACKOFF_SECONDS
    while records:
        try:
            await producer.append(records)
        except SinkError as error:
            _log.error("stream busy", error=str(error), retry_seconds=backoff)
            await asyncio.sleep(backoff)
            backoff = min(2 * backoff, _LONGEST_BACKOFF_SECONDS)
        else:
            return
