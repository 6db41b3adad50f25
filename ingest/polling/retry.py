"""Appending to the stream by a caller that can wait: while the stream is away, the append is tried again."""

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog

from sinks.backoff import Backoff
from sinks.errors import SinkError
from sinks.stream import Producer, Record

_log = structlog.get_logger(__name__)

_FIRST_PAUSE_SECONDS: Final = 0.5
_LONGEST_PAUSE_SECONDS: Final = 30.0


async def append(producer: Producer, records: Sequence[Record]) -> None:
    """Return once the records are durable, however long that takes."""
    backoff = Backoff(_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS)
    while records:
        try:
            await producer.append(records)
        except SinkError as error:
            pause = backoff.pause()
            _log.error("stream busy", error=str(error), retry_seconds=round(pause, 1))
            await asyncio.sleep(pause)
        else:
            return
