"""
The interface of the stream between receivers and store, which the journal and Kafka implement.

Producers append records and are told when they are durable. One consumer (a group, in Kafka's case) reads them in
order, and commits what the store has taken. A record may be read again after a crash, so the store has to be
idempotent; none is ever skipped.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

import msgspec

from sinks.errors import RefusedError

#: A batch is closed at this many bytes of values: a drain holds a few times as much in memory.
BATCH_BYTES: Final = 16 * 1024 * 1024


class Topic(StrEnum):
    """The kind of a record: the Kafka topic's name after its prefix, and the store's table."""

    REPORTS = "reports"
    INBOUND = "inbound"
    DEAD_LETTERS = "dead-letters"
    SUBMISSIONS = "submissions"


class Record(msgspec.Struct, frozen=True, array_like=True):
    """One value on its way to the store: `value` is a JSON object whose keys are the table's columns."""

    topic: Topic
    #: The provider's message id: Kafka keeps the records of one key in order.
    key: str
    provider: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Batch:
    """
    Records read, in the stream's order, and how far each partition has been read with them.

    `positions` maps a partition (a journal file, a topic's partition) to the position after the last record.
    `unreadable` are messages that other programs wrote and that can't be read as records, each with the reason.
    """

    records: Sequence[Record]
    positions: Mapping[Hashable, int]
    unreadable: Sequence[tuple[Record, RefusedError]] = ()


class Producer(Protocol):
    """The producing side of a stream."""

    #: How many appends to have in progress at once: more than one if they wait for other machines.
    at_once: int

    async def append(self, records: Sequence[Record]) -> None:
        """
        Return once every record is durable.

        Raises `BusyError` if that can't be had now: the records may or may not have been kept, and the caller must
        not acknowledge them.
        """

    async def close(self) -> None:
        """Finish what was appended, then let go of the stream."""


class Consumer(Protocol):
    """The store's side of a stream."""

    async def read(self, *, most: int, most_bytes: int = BATCH_BYTES, wait_seconds: float) -> Batch:
        """
        Return the records after those read before, waiting for the first one at most `wait_seconds`.

        A batch has up to `most` records, and ends with the one that brings its values to `most_bytes`.
        """

    async def commit(self, batch: Batch) -> None:
        """Remember durably that everything up to this batch is in the store."""

    async def lag(self) -> int:
        """Return how many records wait to be committed."""

    async def close(self) -> None:
        """Let go of the stream, without a commit."""
