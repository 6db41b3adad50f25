"""How a provider is polled: its requests, and how answers are read. `ingest.polling` decides when, and sends them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from normalizers.model import Callback, Item


class PollOutcome(StrEnum):
    """The outcome of a request: the label `outcome` of its metric."""

    ANSWERED = "answered"
    #: A failure of the provider's that may pass.
    FAILED = "failed"
    #: Too many requests, or connections.
    RATE_LIMITED = "rate_limited"
    #: All requests fail until somebody corrects the account, its credentials or its address.
    DENIED = "denied"
    #: This request will always fail; another one may succeed.
    REFUSED = "refused"
    #: An answer that can't be read.
    UNREADABLE = "unreadable"
    #: No answer at all.
    UNREACHABLE = "unreachable"

    @property
    def passing(self) -> bool:
        """Whether the same request may be answered later."""
        return self in {PollOutcome.FAILED, PollOutcome.RATE_LIMITED, PollOutcome.UNREACHABLE, PollOutcome.DENIED}


class Verdict(NamedTuple):
    """The outcome of a request; `detail` is logged, so it may repeat the answer's error code, and nothing else of it."""

    outcome: PollOutcome
    detail: str = ""


ANSWERED: Final = Verdict(PollOutcome.ANSWERED)


class Subject(NamedTuple):
    """A message to one recipient that a poll asks about; `recipient` is E.164, or masked or hashed by the settings."""

    message_id: str
    recipient: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """
    The values that a request is built from.

    `credentials` are the account's, by the names in `Poll.credentials`; `at` is now; `size` is how many items an answer
    may have; `subjects` are the messages to ask about.
    """

    credentials: Mapping[str, str]
    at: datetime
    size: int = 0
    subjects: Sequence[Subject] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PollRequest:
    """An HTTP request; `path` is below the account's address, `query` is percent-encoded. It holds credentials."""

    method: str
    path: str
    query: str = ""
    body: bytes = b""
    content_type: str = ""


@dataclass(frozen=True, slots=True)
class PollQuestion:
    """
    One operation of a provider's interface.

    `read` reads the answer's items, given the messages that were asked about, or raises `MalformedError`.
    """

    name: str
    request: Callable[[Asking], PollRequest]
    read: Callable[[Callback, Sequence[Subject]], Sequence[Item]]


@dataclass(frozen=True, slots=True)
class Balance:
    """How a provider is asked for an account's balance; `read` raises `MalformedError`."""

    request: Callable[[Asking], PollRequest]
    read: Callable[[bytes], float]


class Sizes(NamedTuple):
    """How many items one answer may have, or messages one request may be about."""

    least: int
    default: int
    most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """
    Everything that polling one provider needs.

    `credentials` are the names of an account's secrets; `url` is the provider's address, empty if each account has to
    name one. `mailbox` are the questions for all new reports, which the provider may hand over only once; `by_message`
    is the question about given messages. `judge` tells a request's outcome from the answer's HTTP status and body.
    """

    credentials: tuple[str, ...]
    url: str = ""
    sizes: Sizes
    judge: Callable[[int, bytes], Verdict]
    mailbox: Sequence[PollQuestion] = ()
    by_message: PollQuestion | None = None
    balance: Balance | None = None


_OK: Final = 200
_TOO_MANY_REQUESTS: Final = 429
_SERVER_ERROR: Final = 500
_REQUEST_TIMEOUT: Final = 408
#: The request itself is at fault; for any other status below 500 the address or the credentials are.
_AT_FAULT: Final = frozenset({400, 406, 409, 411, 413, 414, 415, 422})


def judge_status(status: int) -> Verdict:
    """Judge an answer by its HTTP status alone."""
    if status == _OK:
        return ANSWERED
    detail = f"HTTP {status}"
    if status == _TOO_MANY_REQUESTS:
        return Verdict(PollOutcome.RATE_LIMITED, detail)
    if status >= _SERVER_ERROR or status == _REQUEST_TIMEOUT:
        return Verdict(PollOutcome.FAILED, detail)
    return Verdict(PollOutcome.REFUSED if status in _AT_FAULT else PollOutcome.DENIED, detail)
