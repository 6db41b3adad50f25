"""The description of a provider by which the simulation plays it."""

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

#: Draws a number: of items in a callback, or of recipients of a message.
Size: TypeAlias = Callable[[Random], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """
    A provider as it is played.

    `weight` is its share of the callbacks, `countries` are the weights of its messages' countries. A message goes
    through some of `steps` to one of `finals`. Message ids end in a random `tail`, and are in upper case if `upper`.

    `batch` draws the number of items in a callback, `recipients` that of a message's recipients; with `together`, all
    of them are reported in one callback. `joins` tells whether an item may share a callback with others. `told_at`
    returns the time that a report carries; without `clock`, reports carry none. With `inbound`, items may be inbound
    messages. `spoils` and `item_spoils` are the ways to make a callback or an item unreadable.

    `request` writes a callback as an HTTP request, and `acknowledges` tells whether an answer acknowledges it.
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


def sometimes_up_to(most: int, share: float) -> Size:
    """Return a function that draws 1, or with the probability `share` a number from 2 to `most`."""
    return lambda rng: rng.randint(2, most) if happens(share, rng) else 1


def happens(share: float, rng: Random) -> bool:
    """Return True with this probability."""
    return rng.random() < share


def hexadecimal(rng: Random, digits: int) -> str:
    """Draw hexadecimal digits."""
    return f"{rng.getrandbits(4 * digits):0{digits}x}"


def says_ok(_: PlannedRequest, body: bytes) -> bool:
    """Tell whether an answer is `OK`, which acknowledges a callback for most providers."""
    return body == b"OK"
