"""A provider as the simulation plays it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import TypeAlias

from ingest.simulation.plan import (
    ItemSpoil,
    PlannedCallback,
    PlannedItem,
    PlannedOutcome,
    PlannedReport,
    PlannedRequest,
    Spoil,
)
from normalizers.model import Account

#: Draws a small number: of items in a callback, of recipients of a message.
Size: TypeAlias = Callable[[Random], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """
    A provider as it is played.

    `weight` is its share of the callbacks, `countries` those of its messages. A message goes through some of `steps`
    to one of `finals`. `upper` says that its message ids are in upper case; `tail` is what they end in. With
    `together`, all recipients of a message are in one callback. Without `clock` it sends no time; `told_at` is the time
    that a report of a callback names. `joins` tells whether a report may be in one callback with others.
    """

    name: str
    weight: float
    countries: Mapping[str, float]
    steps: Sequence[PlannedOutcome] = ()
    finals: Sequence[PlannedOutcome]
    upper: bool = False
    tail: Callable[[Random], str]
    batch: Size = lambda _: 1
    recipients: Size = lambda _: 1
    together: bool = False
    clock: bool = True
    told_at: Callable[[PlannedCallback, PlannedReport], datetime | None] = lambda _, report: report.occurred_at
    joins: Callable[[PlannedItem], bool] = lambda _: True
    inbound: bool = False
    spoils: Sequence[Spoil]
    item_spoils: Sequence[ItemSpoil] = ()
    request: Callable[[PlannedCallback, Account], PlannedRequest]
    acknowledges: Callable[[PlannedRequest, bytes], bool]

    def message_id(self, stem: str, rng: Random) -> str:
        """Return a message id in the provider's shape."""
        return self.bound(stem) + self.tail(rng)

    def bound(self, stem: str) -> str:
        """Return the beginning of message ids (`plan.stem`) in the provider's letter case."""
        return stem.upper() if self.upper else stem


def whims_of(seed: int) -> Random:
    """Return the random generator that chooses among the spellings which a provider uses for one thing."""
    return Random(seed)  # noqa: S311 - wire forms, not secrets


def happens(share: float, rng: Random) -> bool:
    """Return True with this probability."""
    return rng.random() < share


def hexadecimal(rng: Random, digits: int) -> str:
    """Draw hexadecimal digits."""
    return f"{rng.getrandbits(4 * digits):0{digits}x}"


def says_ok(_: PlannedRequest, body: bytes) -> bool:
    """Tell whether an answer is `OK`, by which most providers take a callback as acknowledged."""
    return body == b"OK"
