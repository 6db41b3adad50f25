"""
Records the rows that the store has to hold because of the callbacks that were sent and acknowledged.

It is a temporary database on disk, so that a run of a million reports takes little memory. It also has the rows of
callbacks that were not acknowledged, which the store may or may not hold.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeAlias

import orjson

from ingest.simulation.dialects import DIALECTS
from ingest.simulation.plan import (
    STEM_LENGTH,
    PlannedCallback,
    PlannedInbound,
    PlannedItem,
    PlannedReject,
    PlannedReport,
    PlannedSubmission,
)

#: A row of the store: the message id, then the columns that are compared.
Row: TypeAlias = tuple[str | int | None, ...]


class RecordKind(StrEnum):
    """The kind of row that a sent item becomes."""

    REPORTS = "reports"
    INBOUND = "inbound"
    DEAD_LETTERS = "dead_letters"
    SUBMISSIONS = "submissions"


_SCHEMA: Final = """
CREATE TABLE sent (
    kind TEXT, provider TEXT, message_id TEXT, row TEXT, acknowledged INTEGER,
    PRIMARY KEY (kind, provider, message_id, row)
) WITHOUT ROWID
"""
_RECORD: Final = """
INSERT INTO sent VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET acknowledged = max(acknowledged, excluded.acknowledged)
"""
_ROWS: Final = """
SELECT row, acknowledged FROM sent WHERE kind = ? AND provider = ? AND message_id >= ? AND message_id < ?
"""
_COUNT: Final = "SELECT count() FROM sent WHERE kind = ? AND provider = ? AND acknowledged"


class Ledger:
    """The rows of callbacks that were sent so far; exact repeats are one row."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute(_SCHEMA)
        self._database.execute("BEGIN")

    def close(self) -> None:
        """Close and delete the temporary database."""
        self._database.close()

    def record(self, callback: PlannedCallback, *, acknowledged: bool) -> None:
        """Record the rows that a callback should become, and whether it was answered as expected."""
        self._write(callback.provider, [self._row(callback, item) for item in callback.items], acknowledged)

    def record_submissions(self, submissions: Iterable[PlannedSubmission], *, acknowledged: bool) -> None:
        """Record submissions that were posted, and whether they were accepted."""
        for each in submissions:
            row = each.message_id, each.number.e164, _seconds(each.submitted_at)
            self._write(each.provider, [(RecordKind.SUBMISSIONS, row)], acknowledged)

    def _write(self, provider: str, rows: Iterable[tuple[RecordKind, Row]], acknowledged: bool) -> None:  # noqa: FBT001
        written = [(kind, provider, row[0], orjson.dumps(row).decode(), acknowledged) for kind, row in rows]
        self._database.executemany(_RECORD, written)

    def rows(self, kind: RecordKind, provider: str, low: str, high: str) -> Iterator[tuple[Row, bool]]:
        """Yield the rows with message ids from `low` up to `high` (excluded), and whether each was acknowledged."""
        for row, acknowledged in self._database.execute(_ROWS, (kind, provider, low, high)):
            yield tuple(orjson.loads(row)), bool(acknowledged)

    def acknowledged(self, kind: RecordKind, provider: str) -> int:
        """Count the rows that were acknowledged, which the store has to hold."""
        [count] = self._database.execute(_COUNT, (kind, provider)).fetchone()
        return int(count)

    def _row(self, callback: PlannedCallback, item: PlannedItem) -> tuple[RecordKind, Row]:
        match item:
            case PlannedReject(report, spoil):
                return RecordKind.DEAD_LETTERS, (_mark(report), spoil.why)
            case PlannedInbound():
                row = item.message_id, item.number.e164, item.recipient, item.content, _seconds(item.occurred_at)
                return RecordKind.INBOUND, row
            case PlannedReport():
                if callback.spoil is not None:
                    return RecordKind.DEAD_LETTERS, (_mark(item), callback.spoil.why)
                return RecordKind.REPORTS, _report(item, DIALECTS[callback.provider].told_at(callback, item))


def _mark(report: PlannedReport) -> str:
    """Return the text by which the audit finds a dead letter."""
    return report.message_id[:STEM_LENGTH].lower()


def _report(report: PlannedReport, told_at: datetime | None) -> Row:
    outcome = report.outcome
    return (
        report.message_id,
        report.number.e164,
        report.number.country,
        outcome.status,
        outcome.reason or "",
        outcome.code,
        outcome.error,
        _seconds(told_at),
    )


def _seconds(at: datetime | None) -> int | None:
    return int(at.timestamp()) if at else None
