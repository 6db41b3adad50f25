"""
Reports that may be copies of a stored one are looked up before they are inserted.

A copy has the event id of the first one, and two things can be wrong with it:

- It may have another recipient, since `default_region`, `store_numbers` or the telephone number data has changed. A
  recipient is part of what tells messages apart, so such a copy would make a second message of one. It is given the
  recipient of the stored report.
- It may come days later. Stored beside the first one, it would make questions about the last day read that older day,
  too. It only adds to its message.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple

from clickhouse_connect.driver.client import Client
from msgspec.structs import replace

from normalizers.model import DeliveryReport
from sinks.clickhouse.homes import Home, Message, receipt_day, stored_day

_SETTINGS: Final = {"max_query_size": 64 * 1024 * 1024}
#: A copy is late if it comes so long after the day of its report.
_LATE: Final = timedelta(days=2)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Suspect(NamedTuple):
    """A report that may be a copy of a stored one; `days` are those under which that one may be stored."""

    event_id: str
    message_key: int
    days: Collection[date]


class Stored(NamedTuple):
    """A report that is stored: of several copies the one that stays, and when the first one of them was received."""

    recipient: str
    country: str
    received_at: datetime


def stored_reports(client: Client, internal: str, suspects: Sequence[Suspect]) -> dict[str, Stored]:
    """Return those of the suspected reports that are stored, by event id."""
    if not suspects:
        return {}
    places = ",".join(sorted({f"('{day}',{suspect.message_key})" for suspect in suspects for day in suspect.days}))
    ids = ",".join(sorted({f"'{suspect.event_id}'" for suspect in suspects}))
    found = client.query(
        "SELECT toString(event_id), argMax(recipient, version), argMax(country, version),"  # noqa: S608 - days, numbers and UUIDs
        f" toUnixTimestamp64Micro(min(received_at)) FROM {internal}.reports"
        f" WHERE (day, message_key) IN ({places}) AND event_id IN ({ids}) GROUP BY event_id",
        settings=_SETTINGS,
    ).result_rows
    return {
        event_id: Stored(recipient, country, _EPOCH + timedelta(microseconds=received))
        for event_id, recipient, country, received in found
    }


def suspected(
    rows: Sequence[Message],
    keys: Sequence[int],
    known: Mapping[int, Home],
    homes: Mapping[int, Home],
    others: Collection[int],
) -> dict[int, Suspect]:
    """Return the reports, by place in the batch, that may be copies of a stored one, late or with another recipient."""
    latest = receipt_day(max(rows, key=lambda row: row.received_at)) - _LATE
    suspects = {}
    for at, (row, key) in enumerate(zip(rows, keys, strict=True)):
        if not isinstance(row, DeliveryReport) or row.revision:
            continue
        if at in others or (key in known and stored_day(row, homes[key]) <= latest):
            suspects[at] = Suspect(row.event_id, key, {homes[key].day, row.stamp_day})
    return suspects


def with_first_recipients(
    rows: Sequence[Message], suspects: Mapping[int, Suspect], stored: Mapping[str, Stored]
) -> Sequence[Message]:
    """Give the copies of a report that is stored, or comes earlier in the batch, the recipient of that one."""
    if not suspects:
        return rows
    firsts: dict[str, tuple[str, str]] = {}
    for row in rows:
        firsts.setdefault(row.event_id, (row.recipient, row.country))
    firsts |= {event_id: (first.recipient, first.country) for event_id, first in stored.items()}
    kept = list(rows)
    for at, suspect in suspects.items():
        recipient, country = firsts[suspect.event_id]
        kept[at] = replace(rows[at], recipient=recipient, country=country)
    return kept


def is_late_copy(row: Message, home: Home, stored: Mapping[str, Stored]) -> bool:
    """
    Tell whether only the message needs to hear of this report, since a copy that was received before it is stored.

    A stored one that was received at the same time may be this report itself: its insert was cut short, before the
    message heard of it. A message that was computed anew hears of copies that are stored.
    """
    first = stored.get(row.event_id)
    return (
        first is not None
        and isinstance(row, DeliveryReport)
        and first.received_at < row.received_at
        and stored_day(row, home) <= receipt_day(row) - _LATE
        and row.supersedes is None
        and not home.generation
    )
