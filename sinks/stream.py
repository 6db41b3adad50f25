"""
The stream between the doors and the store: two faces (journal, Kafka) of the interface that stands here.

Producers append records and are told when they are durable. One consumer (a group, in Kafka's case) reads them in
order, and commits what the store has taken. A record may be read again after a crash, so the store has to be
idempotent; none is ever skipped.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import msgspec


class Topic(StrEnum):
    """What a record is: the Kafka topic's name after its prefix, and the store's table."""

    REPORTS = "reports"
    INBOUND = "inbound"
    DEAD_LETTERS = "dead-letters"
    SUBMISSIONS = "submissions"


class Record(msgspec.Struct, frozen=True, array_like=True):
    """One value on its way to the store: `value` is a JSON object whose keys are the table's columns."""

    topic: Topic
    #: The provider's message id: what orders records in Kafka.
    key: str
    provider: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Batch:
    """
    Records read, in the stream's order, and how far each partition has been read with them.

    `positions` maps a partition (a journal file, a topic's partition) to the position after the last record.
    """

    records: Sequence[Record]
    positions: Mapping[Hashable, int]


class Producer(Protocol):
    """The producing side of a stream."""

    #: How many appends are worth having under way: more than one where they wait for others than this process.
    at_once: int

    async def append(self, records: Sequence[Record]) -> None:
        """
        Return once every record is durable.

        Raises `BusyError` where that can't be had now: the records may or may not have been kept, and the caller must
        not acknowledge them.
        """

    async def close(self) -> None:
        """Finish what was appended, then let go of the stream."""


class Consumer(Protocol):
    """The store's side of a stream."""

    async def read(self, *, most: int, wait_seconds: float) -> Batch:
        """Return up to `most` records after those read before, waiting for the first one at most `wait_seconds`."""

    async def commit(self, batch: Batch) -> None:
        """Remember durably that everything up to this batch is in the store."""

    async def rewind(self) -> None:
        """Go back to what was committed last: read again what was read since."""

    async def lag(self) -> int:
        """Return how many records wait to be committed."""

    async def close(self) -> None:
        """Let go of the stream, without a commit."""
