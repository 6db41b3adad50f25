"""
Every metric of dlrhub, and the functions that count.

The values of labels are bounded: providers and accounts come from the settings, the rest from enums. Callbacks are
counted when they are answered. Reports are counted when they reach the store, each once: the drain sees every copy of a
report, and remembers the latest ones.
"""

import platform
import time
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from importlib.metadata import version
from itertools import product
from typing import Final, TypeAlias

import structlog

from ingest.logs import SeldomLog
from ingest.metrics.series import Counter, Gauge, Histogram, Snapshot, snapshot
from normalizers.errors import Fault
from normalizers.model import DeliveryReport, InboundMessage, Note, Reason, Status
from normalizers.polling import PollOutcome
from normalizers.submissions import Submission
from sinks.errors import BusyError, RefusedError
from sinks.records import DeadLetter
from sinks.rows import Row
from sinks.stream import Topic

_log = structlog.get_logger(__name__)
_seldom = SeldomLog(_log)

#: Any program may write to a Kafka topic: beyond this many accounts, all further ones share one label.
_MOST_ACCOUNTS: Final = 1000
_OTHER: Final = ("other", "other")

#: The labels `provider` and `account`.
Account: TypeAlias = tuple[str, str]


class CallbackOutcome(StrEnum):
    """How a callback was answered: the label `outcome` of its metric."""

    STORED = "stored"
    MALFORMED = "malformed"
    #: Malformed, in an account with `acknowledge_unreadable`: answered as if it were stored.
    UNREADABLE_ACKNOWLEDGED = "unreadable_acknowledged"
    #: A parser of ours failed; the body is kept as a dead letter.
    PARSER_ERROR = "parser_error"
    FORBIDDEN = "forbidden"
    BUSY = "busy"
    TOO_LARGE = "too_large"
    TOO_SLOW = "too_slow"
    #: Over the account's `rate`: answered busy before the body was read.
    RATE_LIMITED = "rate_limited"
    #: Its body is compressed by a method that is not supported.
    UNSUPPORTED_ENCODING = "unsupported_encoding"


class Listener(StrEnum):
    """The listener that a client connects to: the label `listener` of the metrics of requests and connections."""

    RECEIVER = "receiver"
    ADMIN = "admin"
    QUERY = "query"


class Refusal(StrEnum):
    """Why a request or a connection was refused before its account was known: the label `cause` of its metric."""

    #: aiohttp's parser could not read it.
    NOT_HTTP = "not_http"
    NOT_FOUND = "not_found"
    METHOD = "method"
    #: Its sender was refused too often within a short time.
    TOO_MANY = "too_many"
    #: It did not send the head of a request in time, or did not read its answer.
    SLOW_HEAD = "slow_head"
    #: Too many connections are open.
    CONNECTIONS = "connections"


_MILLISECONDS: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
_DELAYS: Final = (1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 12 * 3600, 24 * 3600, 48 * 3600, 72 * 3600)

CALLBACKS: Final = Counter("dlr_callbacks", "Callbacks answered", ("provider", "outcome"))
REFUSED: Final = Counter(
    "dlr_requests_refused", "Requests and connections refused before their account was known", ("listener", "cause")
)
CONNECTIONS: Final = Gauge("dlr_connections", "Connections that clients have open to a listener", ("listener",))
CALLBACK_SECONDS: Final = Histogram(
    "dlr_callback_seconds", "Time between the headers of a callback and its answer", ("provider",), _MILLISECONDS
)
LAST_REPORT: Final = Gauge(
    "dlr_last_report_timestamp_seconds", "When a callback was last stored", ("provider", "account"), max
)
DEAD_LETTERS: Final = Counter("dlr_dead_letters", "Callbacks and items that could not be read", ("provider", "why"))
REPORTS: Final = Counter("dlr_reports", "Distinct reports that reached the store", ("provider", "account", "status"))
FAILURES: Final = Counter("dlr_failures", "Distinct reports of a failure", ("provider", "account", "reason"))
INBOUND: Final = Counter("dlr_inbound", "Distinct inbound messages that reached the store", ("provider", "account"))
UNMAPPED: Final = Counter("dlr_unmapped_codes", "Distinct reports whose code is in no table", ("provider",))
NOTES: Final = Counter("dlr_notes", "Distinct reports in which something was unusual", ("provider", "note"))
DUPLICATES: Final = Counter("dlr_duplicates", "Copies of reports and inbound messages stored lately", ("provider",))
REPORT_DELAY: Final = Histogram(
    "dlr_report_delay_seconds", "Time between a report's occurred_at and its receipt", ("provider",), _DELAYS
)
STREAM_LAG: Final = Gauge(
    "dlr_stream_lag_records", "Records that were acknowledged and are not in the store yet", combine=max
)
DRAIN_STALLED: Final = Gauge(
    "dlr_drain_stalled_seconds", "For how long the drain has stored nothing while records wait", combine=max
)
BUILD_INFO: Final = Gauge("dlr_build_info", "The version that runs; the value is always 1", ("version", "python"), max)
DISK_FREE: Final = Gauge("dlr_disk_free_bytes", "Bytes that are free on the disk of data_dir", combine=min)
JOURNAL_DAMAGED: Final = Gauge(
    "dlr_journal_damaged", "Places in the journals that could not be read and are kept in journal/damaged", combine=max
)
JOURNAL_LOST: Final = Gauge(
    "dlr_journal_lost_records", "Acknowledged records that were lost at those places", combine=max
)
SPILL_RECORDS: Final = Gauge("dlr_spill_records", "Records on this machine's disk that wait for Kafka")
SPILL_OLDEST: Final = Gauge("dlr_spill_oldest_seconds", "How long the oldest of them may have waited", combine=max)
SPILL_REFUSED: Final = Counter("dlr_spill_refused", "Records that Kafka will never take, kept on disk", ("topic",))
STORE_INSERT: Final = Histogram("dlr_store_insert_seconds", "One insert into the store", ("table",), _MILLISECONDS)
STORE_ROWS: Final = Counter("dlr_store_rows", "Rows inserted into the store, copies included", ("table",))
STORE_FAILURES: Final = Counter("dlr_store_failures", "Inserts that failed and are tried again", ("table",))
STORE_DAMAGED: Final = Gauge("dlr_store_damaged_parts", "Parts of the embedded store's tables that can't be read")
STORE_REFUSED: Final = Counter("dlr_store_refused", "Values that can't be stored, kept as dead letters", ("table",))
SUBMISSIONS: Final = Counter("dlr_submissions", "Distinct submissions that reached the store", ("provider", "account"))
POLL_REQUESTS: Final = Counter(
    "dlr_poll_requests", "Requests to providers that are asked", ("provider", "account", "outcome")
)
POLL_BEHIND: Final = Gauge(
    "dlr_poll_behind_seconds", "For how long the messages asked about last had been due", ("provider", "account"), max
)
BALANCE: Final = Gauge("dlr_balance", "An account's balance, in its provider's own unit", ("provider", "account"), max)

ALL: Final[Sequence[Counter | Gauge | Histogram]] = [
    value for value in globals().values() if isinstance(value, Counter | Gauge | Histogram)
]

#: The values of every label but `provider` and `account`.
VALUES: Final[Mapping[str, Iterable[str]]] = {
    "outcome": (*CallbackOutcome, *PollOutcome), "why": Fault, "listener": Listener, "cause": Refusal, "status": Status,
    "reason": Reason, "note": Note, "topic": Topic, "table": Topic,
    "version": (version("dlrhub"),), "python": (platform.python_version(),),
}  # fmt: skip


def zeros(accounts: Sequence[Account]) -> Snapshot:
    """
    Return every counter at 0 for these accounts.

    Prometheus sees no increase if a series begins with a count of 1: an alert would miss the first dead letter.
    """
    counters = [metric for metric in ALL if isinstance(metric, Counter)]
    return {counter.name: [(labels, 0) for labels in _label_sets(counter, accounts)] for counter in counters}


def _label_sets(counter: Counter, accounts: Sequence[Account]) -> Iterator[tuple[str, ...]]:
    """Yield the labels that a counter can have."""
    owner = sum(label in {"provider", "account"} for label in counter.labels)
    owners = dict.fromkeys(account[:owner] for account in accounts)
    outcomes = {"outcome": PollOutcome if counter is POLL_REQUESTS else CallbackOutcome}
    for known, *rest in product(owners, *({**VALUES, **outcomes}[label] for label in counter.labels[owner:])):
        yield (*known, *rest)


def build_info() -> Snapshot:
    """Return the series that names the version."""
    return {BUILD_INFO.name: [((version("dlrhub"), platform.python_version()), 1)]}


def take_snapshot() -> Snapshot:
    """Return the values of this process."""
    return snapshot(ALL)


def count_callback(provider: str, account: str, outcome: CallbackOutcome, seconds: float) -> None:
    """Count one answered callback."""
    CALLBACKS.add(provider, outcome)
    CALLBACK_SECONDS.observe(seconds, provider)
    if outcome is CallbackOutcome.STORED:
        LAST_REPORT.set(time.time(), provider, account)


def count_refused(listener: Listener, cause: Refusal) -> None:
    """Count one request or connection that was refused."""
    REFUSED.add(listener, cause)


def count_dead_letter(provider: str, why: Fault) -> None:
    """Count one callback or item that could not be read."""
    DEAD_LETTERS.add(provider, why)


class SpillMetrics:
    """The metrics and log lines of the spill (implements `sinks.kafka.spill.SpillWatch`)."""

    def away(self, why: str) -> None:
        """Log why records are written to the spill."""
        _log.error("Kafka is away: records go to the spill", why=why)

    def back(self) -> None:
        """Log that Kafka takes records again."""
        _log.warning("Kafka is back")

    def spilled(self, records: int, oldest_seconds: float) -> None:
        """Set the gauges of the spill."""
        SPILL_RECORDS.set(records)
        SPILL_OLDEST.set(oldest_seconds)

    def refused(self, topic: Topic, error: RefusedError) -> None:
        """Count a record that was set aside."""
        SPILL_REFUSED.add(topic)
        _log.error("Kafka refuses a record, now a dead letter", topic=topic, error=str(error))

    def warn(self, text: str) -> None:
        """Log a warning."""
        _log.warning(text)


class DrainMetrics:
    """The metrics and log lines of the drain (implements `sinks.drain.Watch`)."""

    def __init__(self) -> None:
        self._seen = _Lately(200_000)
        self._accounts: set[Account] = set()
        self._without_identity: set[Account] = set()

    def inserted(self, topic: Topic, rows: Sequence[Row], seconds: float) -> None:
        """Count an insert, and the reports, inbound messages and submissions in it."""
        STORE_ROWS.add(topic, by=len(rows))
        STORE_INSERT.observe(seconds, topic)
        for row in rows:
            if not isinstance(row, DeadLetter):
                self._count(row)

    def _count(self, row: DeliveryReport | InboundMessage | Submission) -> None:
        account = self._account(row.provider, row.account)
        if self._seen.before(row.event_id):
            if not isinstance(row, Submission):
                DUPLICATES.add(account[0])
        elif isinstance(row, DeliveryReport):
            if row.supersedes is not None:
                self._seen.before(row.supersedes)  # counts as a duplicate if it comes later
            if Note.NO_MESSAGE_IDENTITY in row.notes:
                self._warn_of_missing_identity(account)
            _count_report(row, *account)
        elif isinstance(row, InboundMessage):
            INBOUND.add(*account)
        else:
            SUBMISSIONS.add(*account)

    def _warn_of_missing_identity(self, account: Account) -> None:
        """Warn once for each account that its reports name no message, and say how to correct that."""
        if account not in self._without_identity:
            self._without_identity.add(account)
            _log.warning(
                "reports name no message: all messages of one number count as one message; send a REFERENCE with each "
                "message, or add CREATED_S to the parameters of the callback's address",
                provider=account[0],
                account=account[1],
            )

    def _account(self, provider: str, account: str) -> Account:
        """Return provider and account as labels; accounts beyond the first `_MOST_ACCOUNTS` share one label."""
        if (provider, account) not in self._accounts:
            if len(self._accounts) >= _MOST_ACCOUNTS:
                return _OTHER
            self._accounts.add((provider, account))
        return provider, account

    def insert_failed(self, topic: Topic, error: BusyError, retry_seconds: float) -> None:
        """Count an insert that is tried again."""
        STORE_FAILURES.add(topic)
        _log.warning("the store takes no inserts", topic=topic, error=str(error), retry_seconds=round(retry_seconds, 2))

    def refused(self, topic: Topic, error: RefusedError) -> None:
        """Count a value that can't be stored."""
        STORE_REFUSED.add(topic)
        _seldom.warning("a value can't be stored and is kept as a dead letter", why=topic, error=str(error))


def _count_report(row: DeliveryReport, provider: str, account: str) -> None:
    REPORTS.add(provider, account, row.status)
    if row.status.failed:
        FAILURES.add(provider, account, row.reason or Reason.UNKNOWN)
    if row.unmapped:
        UNMAPPED.add(provider)
    for note in row.notes:
        NOTES.add(provider, note)
    if row.occurred_at is not None:
        REPORT_DELAY.observe(max(0.0, (row.received_at - row.occurred_at).total_seconds()), provider)


class _Lately:
    """Remembers the latest ids: at least `most` of them, and at most twice as many."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._new: set[int] = set()
        self._old: set[int] = set()

    def before(self, event_id: Hashable) -> bool:
        """Tell whether this id was seen before, and remember it."""
        key = hash(event_id)
        if key in self._new or key in self._old:
            return True
        if len(self._new) >= self._most:
            self._old, self._new = self._new, set()
        self._new.add(key)
        return False
