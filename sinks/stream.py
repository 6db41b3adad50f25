"""
The interface of the stream between receivers and store, which the journal and Kafka implement.

Producers append records, and learn when they are durable. One consumer (in Kafka: one group) reads them in order, and
commits them when the store has them. A record may be read again after a crash, so inserts have to be idempotent; no
record is skipped.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

import msgspec

from sinks.errors import RefusedError

#: A batch is closed at this many bytes of values; a drain needs a few times as much memory.
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
    Records in the stream's order, and the position that was reached in each partition.

    `positions` maps a partition (a journal, or a topic's partition) to the position after its last record. `unreadable`
    are messages of other programs that are no records, each with the reason.
    """

    records: Sequence[Record]
    positions: Mapping[Hashable, int]
    unreadable: Sequence[tuple[Record, RefusedError]] = ()


class Producer(Protocol):
    """The producing side of a stream."""

    #: How many appends to have in progress at once; more than one helps if they wait for other machines.
    at_once: int

    async def append(self, records: Sequence[Record]) -> None:
        """
        Return once every record is durable.

        Raises `BusyError` if that fails: the records may or may not have been kept, and must not be acknowledged.
        """

    async def close(self) -> None:
        """Finish the appends in progress, then disconnect."""


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
        """Disconnect, without a commit."""
