"""The classes of a simulation's plan: callbacks with reports and inbound messages, and the requests made of them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Final, NamedTuple, TypeAlias

from normalizers.errors import Fault
from normalizers.model import Reason, Status

#: Every message id begins with the run's prefix and the message's sequence number, in hexadecimal.
RUN_LENGTH: Final = 6
SEQUENCE_LENGTH: Final = 7
STEM_LENGTH: Final = RUN_LENGTH + SEQUENCE_LENGTH

#: The clock of the providers in mainland China and Hong Kong.
UTC_8: Final = timezone(timedelta(hours=8))


def stem(run: str, sequence: int) -> str:
    """Return the beginning of a message's id, which names the run and the message."""
    return f"{run}{sequence:0{SEQUENCE_LENGTH}x}"


class Number(NamedTuple):
    """The parts of a phone number."""

    country: str
    calling_code: int
    national: str

    @property
    def digits(self) -> str:
        """The international number without prefix."""
        return f"{self.calling_code}{self.national}"

    @property
    def e164(self) -> str:
        """The international number as the store has it."""
        return f"+{self.digits}"


@dataclass(frozen=True, slots=True)
class PlannedOutcome:
    """
    A state that a provider can report, with its codes and its meaning.

    `code` and `error` are the columns `provider_status` and `provider_code`. `weight` is the relative frequency of a
    final state, or the probability that a step before it is reported.
    """

    code: str
    status: Status
    weight: float
    reason: Reason | None = None
    error: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class PlannedReport:
    """
    One report on one message to one recipient; `seed` decides its form if the provider uses several.

    `created_at` is when the message was sent, the same in all its reports; None if the provider sends no times.
    """

    message_id: str
    number: Number
    outcome: PlannedOutcome
    created_at: datetime | None
    occurred_at: datetime | None
    seed: int


@dataclass(frozen=True, slots=True)
class PlannedSubmission:
    """One message to one recipient that is posted to `POST /submissions`."""

    provider: str
    message_id: str
    number: Number
    submitted_at: datetime
    campaign: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedInbound:
    """One message from a phone (MO)."""

    message_id: str
    number: Number
    recipient: str
    content: str
    occurred_at: datetime
    seed: int


@dataclass(frozen=True, slots=True)
class PlannedRequest:
    """An HTTP request to an account's address; `query` is percent-encoded."""

    method: str
    query: str = ""
    content_type: str = "application/json"
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Spoil:
    """
    A way to make a request unreadable: `make` gets the request and the message id, which has to remain in it.

    `authentic` says that a secret in the payload can still be read.
    """

    why: Fault
    make: Callable[[PlannedRequest, str], PlannedRequest]
    method: str = "POST"
    authentic: bool = False


@dataclass(frozen=True, slots=True)
class ItemSpoil:
    """A way to make one item of a batch unreadable."""

    why: Fault
    make: Callable[[dict[str, object]], object]


@dataclass(frozen=True, slots=True)
class PlannedReject:
    """An unreadable report in a batch with readable ones."""

    report: PlannedReport
    spoil: ItemSpoil


PlannedItem: TypeAlias = PlannedReport | PlannedInbound | PlannedReject


@dataclass(frozen=True, slots=True)
class PlannedCallback:
    """
    One callback; a spoiled one is made from one report.

    `submissions` are posted before it: those of the messages that it is the first to report on, and some of messages
    that are never reported on.
    """

    provider: str
    items: tuple[PlannedItem, ...]
    spoil: Spoil | None = None
    submissions: tuple[PlannedSubmission, ...] = ()

    @property
    def reports(self) -> list[PlannedReport]:
        """The items that are reports."""
        return [item for item in self.items if isinstance(item, PlannedReport)]

    @property
    def seed(self) -> int:
        """The seed that decides the form of the callback; an exact repeat has the same seed."""
        first = self.items[0]
        return first.report.seed if isinstance(first, PlannedReject) else first.seed
