"""
Every Prometheus series, and the only place that touches one.

Processes share a folder of memory-mapped values (prometheus_client's multi-process mode): each writes its own, the
admin door adds them up. Labels are bounded by construction: providers and accounts come from the settings, the rest
from enums.
"""

from functools import cache
from typing import Final

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

from normalizers.errors import Fault
from normalizers.model import DeliveryReport
from sinks.errors import BusyError, RefusedError
from sinks.stream import Topic

_MILLISECONDS: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
_DELAYS: Final = (1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 12 * 3600, 24 * 3600, 48 * 3600, 72 * 3600)

CALLBACKS = Counter("dlr_callbacks", "Callbacks answered", ["provider", "outcome"])
CALLBACK_SECONDS = Histogram(
    "dlr_callback_seconds", "From a callback's headers to its answer", ["provider"], buckets=_MILLISECONDS
)
REPORTS = Counter("dlr_reports", "Reports stored, repeated ones included", ["provider", "account", "status"])
FAILURES = Counter(
    "dlr_failures", "Reports of failed messages, repeated ones included", ["provider", "account", "reason"]
)
INBOUND = Counter("dlr_inbound", "Inbound messages stored, repeated ones included", ["provider", "account"])
UNMAPPED = Counter("dlr_unmapped_codes", "Reports whose provider code is in no table", ["provider"])
NOTES = Counter("dlr_notes", "Reports that were read, with something odd about them", ["provider", "note"])
DEAD_LETTERS = Counter("dlr_dead_letters", "Callbacks and items that could not be read", ["provider", "why"])
REPORT_DELAY = Histogram(
    "dlr_report_delay_seconds", "From the provider's time of a report to its receipt", ["provider"], buckets=_DELAYS
)
LAST_REPORT = Gauge(
    "dlr_last_report_timestamp_seconds", "When the last report came", ["provider", "account"], multiprocess_mode="max"
)
STREAM_LAG = Gauge("dlr_stream_lag_records", "Records that wait for the store", multiprocess_mode="livemax")
STORE_INSERT = Histogram("dlr_store_insert_seconds", "One insert into the store", ["table"], buckets=_MILLISECONDS)
STORE_ROWS = Counter("dlr_store_rows", "Rows inserted into the store, repeated ones included", ["table"])
STORE_FAILURES = Counter(
    "dlr_store_failures", "Inserts that the store did not take and that are tried again", ["table"]
)
STORE_REFUSED = Counter("dlr_store_refused", "Rows that the store refused for good, kept as dead letters", ["table"])


@cache
def _series(metric: MetricWrapperBase, *labels: str) -> MetricWrapperBase:
    """Return one series; looked up once, since `labels()` costs as much as the rest of a count."""
    return metric.labels(*labels)


def count_callback(provider: str, outcome: str, seconds: float) -> None:
    """Count one answered callback."""
    _count(CALLBACKS, provider, outcome)
    _observe(CALLBACK_SECONDS, seconds, provider)


def count_report(report: DeliveryReport) -> None:
    """Count one stored report."""
    provider, account = report.provider, report.account
    _count(REPORTS, provider, account, report.status)
    if report.status.failed:
        _count(FAILURES, provider, account, report.reason or "unknown")
    if report.unmapped:
        _count(UNMAPPED, provider)
    for note in report.notes:
        _count(NOTES, provider, note)
    if report.occurred_at is not None:
        delay = (report.received_at - report.occurred_at).total_seconds()
        _observe(REPORT_DELAY, max(0.0, delay), provider)
    last = _series(LAST_REPORT, provider, account)
    assert isinstance(last, Gauge)  # noqa: S101 - for the type checker
    last.set(report.received_at.timestamp())


def count_inbound(provider: str, account: str) -> None:
    """Count one stored inbound message."""
    _count(INBOUND, provider, account)


def count_dead_letter(provider: str, why: Fault) -> None:
    """Count one dead letter."""
    _count(DEAD_LETTERS, provider, why)


class DrainMetrics:
    """What the drain tells of itself (`sinks.drain.Watch`), as metrics."""

    def inserted(self, topic: Topic, rows: int, seconds: float) -> None:
        """Count an insert."""
        _count(STORE_ROWS, topic, by=rows)
        _observe(STORE_INSERT, seconds, topic)

    def insert_failed(self, topic: Topic, error: BusyError, retry_seconds: float) -> None:  # noqa: ARG002 - logged elsewhere
        """Count an insert that is tried again."""
        _count(STORE_FAILURES, topic)

    def refused(self, topic: Topic, error: RefusedError) -> None:  # noqa: ARG002
        """Count a row that was refused."""
        _count(STORE_REFUSED, topic)

    def lag(self, records: int) -> None:
        """Set the lag."""
        STREAM_LAG.set(records)


def _count(metric: Counter, *labels: str, by: float = 1) -> None:
    series = _series(metric, *labels)
    assert isinstance(series, Counter)  # noqa: S101 - for the type checker
    series.inc(by)


def _observe(metric: Histogram, value: float, *labels: str) -> None:
    series = _series(metric, *labels)
    assert isinstance(series, Histogram)  # noqa: S101 - for the type checker
    series.observe(value)
