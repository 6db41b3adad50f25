"""The common vocabulary: statuses, reasons, code tables, callbacks, and the records that callbacks are read into."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeAlias

import msgspec

from normalizers.errors import MalformedError
from normalizers.spelling import NO_DAY


class Status(StrEnum):
    """State of a message: SMPP's message states (SMPP 5.0, section 4.7.15), lower case."""

    UNKNOWN = "unknown"
    SCHEDULED = "scheduled"
    ACCEPTED = "accepted"
    ENROUTE = "enroute"
    EXPIRED = "expired"
    DELETED = "deleted"
    UNDELIVERABLE = "undeliverable"
    REJECTED = "rejected"
    DELIVERED = "delivered"

    @property
    def rank(self) -> int:
        """Of a message's reports, in whatever order they arrive, the one with the highest rank decides its state."""
        return _RANKS.get(self, 4)

    @property
    def final(self) -> bool:
        """Whether no further report is expected."""
        return self.rank >= _RANK_FAILED

    @property
    def failed(self) -> bool:
        """Whether the message is known not to have arrived."""
        return self.rank == _RANK_FAILED


_RANK_FAILED: Final = 4
_RANKS: Final = {
    Status.UNKNOWN: 0,
    Status.SCHEDULED: 1,
    Status.ACCEPTED: 2,
    Status.ENROUTE: 3,
    Status.DELIVERED: 5,
}


class Persistence(StrEnum):
    """Whether sending again can help."""

    TEMPORARY = "temporary"
    PERMANENT = "permanent"
    UNKNOWN = "unknown"


class Reason(StrEnum):
    """Why a message failed."""

    EXPIRED = "expired"
    DELETED = "deleted"
    ABSENT_SUBSCRIBER = "absent_subscriber"
    HANDSET_ERROR = "handset_error"
    NETWORK_ERROR = "network_error"
    UPSTREAM_ERROR = "upstream_error"
    NO_ROUTE = "no_route"
    INVALID_NUMBER = "invalid_number"
    BLOCKLISTED = "blocklisted"
    SUBSCRIBER_BARRED = "subscriber_barred"
    CONTENT_REJECTED = "content_rejected"
    NOT_REGISTERED = "not_registered"
    THROTTLED = "throttled"
    INSUFFICIENT_BALANCE = "insufficient_balance"
    INSUFFICIENT_SUBSCRIBER_CREDIT = "insufficient_subscriber_credit"
    SPEND_LIMIT = "spend_limit"
    UNSUPPORTED = "unsupported"
    PROTOCOL_ERROR = "protocol_error"
    PROVIDER_REJECTED = "provider_rejected"
    PROVIDER_ERROR = "provider_error"
    UNKNOWN = "unknown"

    @property
    def persistence(self) -> Persistence:
        """Whether sending the same message again can help."""
        return _PERSISTENCE[self]


_PERSISTENCE: Final = {
    Reason.EXPIRED: Persistence.TEMPORARY,
    Reason.DELETED: Persistence.PERMANENT,
    Reason.ABSENT_SUBSCRIBER: Persistence.TEMPORARY,
    Reason.HANDSET_ERROR: Persistence.TEMPORARY,
    Reason.NETWORK_ERROR: Persistence.TEMPORARY,
    Reason.UPSTREAM_ERROR: Persistence.UNKNOWN,
    Reason.NO_ROUTE: Persistence.PERMANENT,
    Reason.INVALID_NUMBER: Persistence.PERMANENT,
    Reason.BLOCKLISTED: Persistence.PERMANENT,
    Reason.SUBSCRIBER_BARRED: Persistence.PERMANENT,
    Reason.CONTENT_REJECTED: Persistence.PERMANENT,
    Reason.NOT_REGISTERED: Persistence.PERMANENT,
    Reason.THROTTLED: Persistence.TEMPORARY,
    Reason.INSUFFICIENT_BALANCE: Persistence.TEMPORARY,
    Reason.INSUFFICIENT_SUBSCRIBER_CREDIT: Persistence.TEMPORARY,
    Reason.SPEND_LIMIT: Persistence.TEMPORARY,
    Reason.UNSUPPORTED: Persistence.PERMANENT,
    Reason.PROTOCOL_ERROR: Persistence.UNKNOWN,
    Reason.PROVIDER_REJECTED: Persistence.UNKNOWN,
    Reason.PROVIDER_ERROR: Persistence.TEMPORARY,
    Reason.UNKNOWN: Persistence.UNKNOWN,
}


class Note(StrEnum):
    """An oddity of a report that was stored nevertheless."""

    #: Santo: `sm` and `rsm` contradict each other; `sm` was used.
    SM_RSM_DIFFER = "sm_rsm_differ"
    #: Santo: the id in the report's text is not `msgid`; `msgid` was used.
    ID_DIFFERS = "id_differs"
    #: Santo: the answer about a message has another number or id than the question; the question's was used.
    ANSWER_DIFFERS = "answer_differs"
    #: CM: neither REFERENCE nor CREATED_S is there, so that this number's messages can't be told apart.
    NO_MESSAGE_IDENTITY = "no_message_identity"


class CodeSource(StrEnum):
    """The table that a report's status and reason come from."""

    #: The provider's own document.
    DOCUMENT = "document"
    #: SMPP 3.4's message states; the provider's document does not list the code.
    SMPP = "smpp"
    #: The operator's settings.
    SETTINGS = "settings"
    #: No table has the code.
    NONE = ""


class Source(StrEnum):
    """How a report reached us."""

    CALLBACK = "callback"
    POLL = "poll"
    REPLAY = "replay"


@dataclass(frozen=True, slots=True)
class Code:
    """
    The meaning of one provider code; `reason` is set if it means a failure.

    `meaning` is in the document's words, `english` their translation if they aren't English.
    """

    status: Status
    reason: Reason | None
    meaning: str
    english: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class CodeTable:
    """
    A provider's codes, as its document lists them.

    `exact` is keyed by the code, trimmed and in upper case. `patterns` are families of codes, looked up after the exact
    ones: name in the document (`MO:NNNN`), pattern and meaning. `document` names the document.
    """

    exact: Mapping[str, Code]
    patterns: Sequence[tuple[str, re.Pattern[str], Code]] = ()
    document: str = ""

    def find(self, code: str) -> Code | None:
        """Look a code up; None if the table does not have it."""
        known = self.exact.get(code)
        if known is not None:
            return known
        code = code.strip().upper()
        known = self.exact.get(code)
        if known is not None:
            return known
        return next((means for _, pattern, means in self.patterns if pattern.fullmatch(code)), None)

    def rows(self) -> dict[str, Code]:
        """Return every row by its code as the document writes it, the families last."""
        return {**self.exact, **{name: code for name, _, code in self.patterns}}


def error_code(reason: Reason, meaning: str) -> Code:
    """Return a row of a table of error codes, which give a reason alone: the status comes from another table."""
    return Code(Status.UNKNOWN, reason, meaning)


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """
    The settings of an account that a parser needs.

    `timezone` overrides the provider's for stamps without an offset. `default_region` (ISO 3166-1 alpha-2) is the country
    of numbers without a country code. `fields` renames CM's GET parameters: document's name -> the customer's.
    `auth_key` is CloudSMS' AUTH_KEY, checked if it is set. `codes` and `reasons` are the operator's own meanings of
    codes, which override the provider's tables of the same names. `keys` are secrets that the provider signs with.
    """

    name: str = "default"
    timezone: tzinfo | None = None
    default_region: str | None = None
    fields: Mapping[str, str] = MappingProxyType({})
    auth_key: str | None = None
    codes: CodeTable | None = None
    reasons: CodeTable | None = None
    keys: Mapping[str, str] = MappingProxyType({})


class Callback(msgspec.Struct, frozen=True, kw_only=True):
    """
    One HTTP request of a provider, or its answer to a poll, as bytes.

    `url` is the address that the provider called (scheme, host and path), for those that sign it; else it is empty.
    `query` is the raw query string, still percent-encoded. Header names are lower case.
    """

    account: Account
    method: str
    url: str = ""
    query: bytes = b""
    headers: Mapping[str, str] = MappingProxyType({})
    body: bytes = b""
    received_at: datetime
    source: Source = Source.CALLBACK


class DeliveryReport(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """
    One report on one message to one recipient. The fields are the columns of `dlr.reports`.

    `event_id` is the same however often and by whatever path a report comes: the provider's `Identity` says what it is
    made of, and `identity` is the version of that rule. `supersedes` is the id of the answer to a poll that has the same
    content with less detail: that answer does not count beside this report.

    A message is its provider, account, `message_id`, `recipient` and `message_stamp`, which is empty unless the
    provider's message id alone does not tell messages apart (CM).

    `recipient` is E.164 with `+`, or as received if it can't be read. `country` is ISO 3166-1 alpha-2 or empty.
    `code_source` says which table `status` and `reason` come from. `unmapped` is true if the status, or the reason of a
    failure, is unknown because no table has the provider's code. `occurred_at` is the provider's time in UTC, None if
    there is none that can be read. `stamp_day` is the day of the stamp in the identity, as the provider wrote it,
    1970-01-01 if there is none: it never changes for one `event_id`.

    `custom` is JSON that the customer attached, as its own bytes (`msgspec.Raw`), or None. `notes` lists oddities. `raw`
    is the item as text, which `Provider.reread` turns into the same report. `normalizer` is the version of the parser and
    tables that read it; `revision` counts how often it was read again.
    """

    event_id: str
    supersedes: str | None = None
    provider: str
    account: str
    message_id: str
    message_stamp: str = ""
    reference: str = ""
    recipient: str
    country: str
    operator: str = ""
    sender: str = ""
    status: Status
    reason: Reason | None
    code_source: CodeSource
    provider_status: str
    provider_code: str = ""
    provider_text: str = ""
    occurred_at: datetime | None
    received_at: datetime
    source: Source
    custom: object = None
    unmapped: bool
    notes: tuple[Note, ...] = ()
    stamp_day: date = NO_DAY
    raw: str
    normalizer: int
    identity: int
    revision: int = 0


class InboundMessage(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One message from a phone (MO). The fields are the columns of `dlr.inbound`, with the meanings of a report's."""

    event_id: str
    provider: str
    account: str
    message_id: str
    sender: str
    recipient: str
    content: str
    occurred_at: datetime | None
    received_at: datetime
    source: Source
    stamp_day: date
    raw: str
    normalizer: int
    identity: int
    revision: int = 0


@dataclass(frozen=True, slots=True)
class Reject:
    """
    One item of a callback that can't be read, while others can.

    `raw` has the form of a report's `raw`, so that a later version of the parser may read it by `Provider.reread`.
    """

    error: MalformedError
    raw: bytes


Item: TypeAlias = DeliveryReport | InboundMessage | Reject
