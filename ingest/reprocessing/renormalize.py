"""
Parses the raw items of stored reports again with today's code tables and settings, and replaces reports that change.

A replaced report keeps its event id, its first receipt and its raw item; its `revision` is one higher, and the store
shows the copy with the highest revision. So an interrupted run can be repeated, two runs do no harm, and copies that
arrive meanwhile change nothing.
"""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, NamedTuple

import msgspec

from ingest.connections.clickhouse import Parameters, Row, StoreClient
from ingest.reprocessing.conditions import matching
from ingest.reprocessing.rereading import Rereader
from normalizers.errors import MalformedError
from normalizers.model import DeliveryReport
from normalizers.privacy import StoredNumbers
from sinks.records import report_record
from sinks.stream import Producer

#: How many reports are read and appended at a time.
_SLICE: Final = 5_000
#: Fields that may change; those of `_FROM_NUMBERS` only if phone numbers are stored in full.
_FROM_TABLES: Final = (
    "operator", "status", "reason", "code_source", "provider_status", "provider_code", "provider_text", "occurred_at",
    "unmapped", "notes", "normalizer",
)  # fmt: skip
_FROM_NUMBERS: Final = ("recipient", "country", "sender")
_FIELDS: Final = frozenset(field.name for field in msgspec.structs.fields(DeliveryReport))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFilter:
    """
    Selects the reports that match all fields that are set; times are those of the first receipt.

    With `unchanged`, reports that don't change get a new revision, too, so that their messages are computed anew.
    """

    provider: str = ""
    account: str = ""
    since: datetime | None = None
    until: datetime | None = None
    unmapped: bool = False
    unchanged: bool = False

    def condition(self) -> tuple[str, Parameters]:
        """Return the filter as a condition in SQL, and its parameters."""
        texts = {"provider": self.provider, "account": self.account}
        found, parameters = matching(texts, "received_at", self.since, self.until)
        return " AND ".join([*found, "unmapped"] if self.unmapped else found), parameters


class Change(NamedTuple):
    """A change of all reports with one code, from one status and reason to another."""

    provider: str
    code: str
    before: str
    after: str


@dataclass(slots=True)
class Progress:
    """How far a run is; `unreadable` counts reports whose raw item can't be parsed any more, which stay as they are."""

    total: int = 0
    read: int = 0
    changed: int = 0
    unreadable: int = 0
    changes: Counter[Change] = field(default_factory=Counter)


async def renormalize(
    store: StoreClient, producer: Producer | None, rereader: Rereader, wanted: ReportFilter
) -> AsyncIterator[Progress]:
    """
    Read every matching report again, append those that change to `producer`, and yield the progress after each slice.

    Without a producer nothing is written. Raises `StoreError` if the store can't be read, and `BusyError` if the stream
    takes nothing.
    """
    hours = await _hours(store, wanted)
    progress = Progress(total=sum(count for _, count in hours))
    for hour, count in hours:
        slices = -(-count // _SLICE)
        for index in range(slices):
            changed = [
                report
                for row in await _rows(store, wanted, hour, slices, index)
                if (report := _reread(row, rereader, progress, unchanged=wanted.unchanged)) is not None
            ]
            if producer is not None and changed:
                await producer.append([report_record(report) for report in changed])
            yield progress


async def _hours(store: StoreClient, wanted: ReportFilter) -> Sequence[tuple[str, int]]:
    """Return the hours in which matching reports were first received, and how many in each."""
    condition, parameters = wanted.condition()
    rows = await store.rows(
        "SELECT toStartOfHour(toDateTime(received_at, 'UTC')) AS hour, count() AS reports FROM reports"  # noqa: S608
        f" WHERE {condition} GROUP BY hour ORDER BY hour",
        parameters,
    )
    return [(row["hour"], int(row["reports"])) for row in rows]


async def _rows(store: StoreClient, wanted: ReportFilter, hour: str, slices: int, index: int) -> list[Row]:
    condition, parameters = wanted.condition()
    return await store.rows(
        f"SELECT * FROM reports WHERE {condition}"  # noqa: S608 - the values are bound
        " AND received_at >= {hour:DateTime('UTC')} AND received_at < {hour:DateTime('UTC')} + INTERVAL 1 HOUR"
        " AND sipHash64(event_id) % {slices:UInt32} = {index:UInt32}",
        {**parameters, "hour": hour, "slices": slices, "index": index},
    )


def _reread(row: Row, rereader: Rereader, progress: Progress, *, unchanged: bool) -> DeliveryReport | None:
    """Return the new revision of a stored report, or None if there is none, and count it in `progress`."""
    stored = _stored(row)
    progress.read += 1
    try:
        changed = reread(stored, rereader)
    except MalformedError:
        progress.unreadable += 1
        changed = None
    if changed is not None:
        progress.changed += 1
        code = stored.provider_code or stored.provider_status
        progress.changes[Change(stored.provider, code, _meaning(stored), _meaning(changed))] += 1
    elif unchanged:
        return _next_revision(stored)
    return changed


def _stored(row: Row) -> DeliveryReport:
    """Return a row of `dlr.reports`, as the query interface returns it, as a report."""
    given = {name: value for name, value in row.items() if name in _FIELDS}
    for name in ("occurred_at", "received_at"):
        if given[name] is not None:
            given[name] = datetime.fromisoformat(given[name]).replace(tzinfo=UTC)
    given["reason"] = given["reason"] or None
    given["custom"] = msgspec.Raw(given["custom"].encode()) if given["custom"] else None
    return msgspec.convert(given, DeliveryReport, strict=False)


def _next_revision(stored: DeliveryReport, **fields: object) -> DeliveryReport:
    return msgspec.structs.replace(stored, **fields, revision=stored.revision + 1)


def reread(stored: DeliveryReport, rereader: Rereader) -> DeliveryReport | None:
    """Parse a stored report again, and return it as its next revision; None if nothing in it changes."""
    today = rereader.stored(stored)
    numbers = rereader.account(stored.provider, stored.account).privacy.numbers
    names = _FROM_TABLES if numbers is not StoredNumbers.FULL else (*_FROM_TABLES, *_FROM_NUMBERS)
    fields = {name: getattr(today, name) for name in names}
    unchanged = {name: getattr(stored, name) for name in names}
    if fields == unchanged | {"normalizer": fields["normalizer"]}:
        return None
    return _next_revision(stored, **fields)


def _meaning(report: DeliveryReport) -> str:
    return f"{report.status}/{report.reason}" if report.reason else str(report.status)
