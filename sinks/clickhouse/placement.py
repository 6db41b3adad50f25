"""
Where the rows of a batch belong: in which day, to which message, and which are late copies that are not stored.

Reports and submissions of one message share a home (`homes`), and copies of a report share its recipient (`copies`).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, cast

import msgspec
from clickhouse_connect.driver.client import Client
from msgspec.structs import astuple, replace

from normalizers.model import DeliveryReport
from normalizers.spelling import NO_DAY
from normalizers.submissions import Submission
from sinks.clickhouse.copies import is_late_copy, stored_reports, suspected, with_first_recipients
from sinks.clickhouse.homes import (
    Home,
    Message,
    find_homes,
    first_row,
    message_key,
    message_row,
    receipt_day,
    stored_day,
    write_homes,
)
from sinks.stream import Topic

_encode: Final = msgspec.json.Encoder().encode

#: The columns that tell where a row of each table belongs.
PLACE_COLUMNS: Final[Mapping[Topic, Sequence[str]]] = {
    Topic.REPORTS: ("message_key", "message_row", "home", "generation", "is_deleted"),
    Topic.SUBMISSIONS: ("message_key", "message_row", "home", "generation"),
}
#: The columns of `reports_to_messages`: first those of a report, then its place.
_COPIED: Final = (
    *(
        "event_id",
        "supersedes",
        "provider",
        "account",
        "message_id",
        "reference",
        "message_stamp",
        "recipient",
        "country",
    ),
    *("operator", "sender", "status", "reason", "provider_status", "provider_code", "provider_text", "occurred_at"),
    *("received_at", "source"),
)
COPY_COLUMNS: Final = (*_COPIED, "message_key", "message_row", "home", "generation", "day", "is_copy")


@dataclass(frozen=True, slots=True)
class Placed:
    """
    A batch whose rows say where they belong.

    `values` are JSON arrays of the rows' columns, followed by their `PLACE_COLUMNS`. `copies` are JSON arrays of the
    `COPY_COLUMNS` of late copies, which are not stored. `known` are the messages that the store had heard of before, `stamped` those
    with a `message_stamp` in this batch, and `again` those that have to be computed anew from all of their reports, of
    which `days` are the days in this batch.
    """

    values: list[bytes]
    copies: list[bytes]
    homes: Mapping[int, Home]
    known: frozenset[int]
    stamped: frozenset[int]
    again: frozenset[int]
    days: frozenset[date]


def place(client: Client, internal: str, rows: Sequence[Message], settings: Mapping[str, Any]) -> Placed:
    """
    Find the homes of reports or submissions, write down those of new messages, and put them into the rows.

    A callback that says what a poll said (`supersedes`) is followed by a row that takes the poll's report out of all
    counts.
    """
    keys = [message_key(row.provider, row.account, row.message_id) for row in rows]
    firsts = list(map(first_row, rows, keys))
    known = find_homes(client, internal, keys)
    new: dict[int, Home] = {}
    for row, key, first in zip(rows, keys, firsts, strict=True):
        if key not in known and key not in new:
            new[key] = Home(receipt_day(row), first_row=first)
    write_homes(client, internal, new, settings)
    homes = {**known, **new}
    others = {at for at, (key, first) in enumerate(zip(keys, firsts, strict=True)) if homes[key].first_row != first}
    suspects = suspected(rows, keys, known, homes, others)
    stored = stored_reports(client, internal, list(suspects.values()))
    kept = with_first_recipients(rows, suspects, stored)
    copies = {at for at in suspects if is_late_copy(kept[at], homes[keys[at]], stored)}
    reports = [(row, key) for row, key in zip(kept, keys, strict=True) if isinstance(row, DeliveryReport)]
    return Placed(
        [_encode(values) for values in _placed(kept, keys, homes, suspects.keys() | others, copies)],
        [_encode(_copied(kept[at], keys[at], homes[keys[at]])) for at in sorted(copies)],
        homes,
        frozenset(known),
        frozenset(key for row, key in reports if row.message_stamp),
        frozenset(key for row, key in reports if row.revision)
        | frozenset(key for key, home in known.items() if home.generation),
        frozenset({row.stamp_day for row, _ in reports} - {NO_DAY}),
    )


def _placed(
    rows: Sequence[Message],
    keys: Sequence[int],
    homes: Mapping[int, Home],
    others: Collection[int],
    copies: Collection[int],
) -> Iterable[tuple[object, ...]]:
    for at, (row, key) in enumerate(zip(rows, keys, strict=True)):
        if at in copies:
            continue
        home = homes[key]
        if isinstance(row, Submission):
            yield *astuple(row), key, message_row(row, key, "", home) if at in others else 0, home.day, home.generation
            continue
        number = message_row(row, key, row.message_stamp, home) if at in others or row.message_stamp else 0
        yield *astuple(row), key, number, home.day, home.generation, 0
        if row.supersedes is not None:
            yield *astuple(_without_content(row)), key, 0, home.day, home.generation, 1


def _copied(row: Message, key: int, home: Home) -> tuple[object, ...]:
    """Return the values of the `COPY_COLUMNS`."""
    report = cast("DeliveryReport", row)
    number = message_row(report, key, report.message_stamp, home)
    said = (getattr(report, name) for name in _COPIED)
    return *said, key, number, home.day, home.generation, stored_day(report, home), True


def _without_content(row: DeliveryReport) -> DeliveryReport:
    """Return the row that takes the superseded report out; copies of that report are given this row's recipient."""
    return replace(
        row,
        event_id=row.supersedes,
        supersedes=None,
        message_stamp="",
        reference="",
        operator="",
        sender="",
        provider_text="",
        custom=None,
        notes=(),
        stamp_day=NO_DAY,
        raw="",
    )
