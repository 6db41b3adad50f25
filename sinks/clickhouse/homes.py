"""
The home of a message: the day on which its first record was received.

All rows of a message are stored under its home, so that a question about a time reads what is of that time. The drain
asks `message_homes` for the homes of the messages in a batch, and writes the new ones there, before it inserts the
batch; a batch that is inserted again finds the homes that it was given the first time.
"""

import hashlib
import struct
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec
from clickhouse_connect.driver.client import Client

from sinks.clickhouse.copies import Recipient, Suspect, stored_recipients, with_recipient
from sinks.errors import RefusedError

_QUERY_SETTINGS: Final = {"max_query_size": 64 * 1024 * 1024}
#: A row of `message_homes` as ClickHouse's format RowBinary has it: message_key, home in days since 1970, generation,
#: recipient.
_HOME: Final = struct.Struct("<QHII")
_FIRST_DAY: Final = date(1970, 1, 1)


class Home(NamedTuple):
    """
    The place of a message's rows: its day, and how often the message was computed anew from its reports.

    `recipient` is a hash of the first recipient that was heard of under this message's id.
    """

    day: date
    generation: int = 0
    recipient: int = 0


class _Row(msgspec.Struct):
    """The fields of a report or submission that decide its home."""

    provider: str
    account: str
    message_id: str
    received_at: datetime
    event_id: str = ""
    recipient: str = ""
    country: str = ""
    status: str = ""
    message_stamp: str = ""
    supersedes: str | None = None
    stamp_day: str = ""
    revision: int = 0


@dataclass(frozen=True, slots=True)
class Placed:
    """
    A batch whose rows say where they belong.

    `values` are the rows. `known` are the messages that the store had heard of before, `stamped` those with a
    `message_stamp` in this batch, and `again` those that have to be computed anew from all of their reports.
    """

    values: list[bytes]
    homes: Mapping[int, Home]
    known: frozenset[int]
    stamped: frozenset[int]
    again: frozenset[int]
    days: frozenset[str]


_decode: Final = msgspec.json.Decoder(_Row).decode


def home_key(provider: str, account: str, message_id: str) -> int:
    """Return what the column `message_key` of the store's tables has."""
    words = f"{provider}\0{account}\0{message_id}".encode()
    return int.from_bytes(hashlib.md5(words, usedforsecurity=False).digest()[:8], "little")


def place(client: Client, internal: str, values: Sequence[bytes], settings: Mapping[str, Any]) -> Placed:
    """
    Find the homes of reports or submissions, write down those of new messages, and put them into the values.

    A callback that says what a poll said (`supersedes`) is followed by a row that takes the poll's report out of all
    counts. Raises `RefusedError` if a value is none of these records.
    """
    rows = [_read(value) for value in values]
    keys = [home_key(row.provider, row.account, row.message_id) for row in rows]
    known = find_homes(client, internal, keys)
    first = dict(zip(reversed(keys), reversed(rows), strict=True))
    new = {key: Home(_day(row), recipient=_recipient_hash(key, row)) for key, row in first.items() if key not in known}
    write_homes(client, internal, new, settings)
    homes = {**known, **new}
    suspects = _suspects(rows, keys, homes)
    kept = _with_first_recipients(values, rows, suspects, stored_recipients(client, internal, list(suspects.values())))
    return Placed(
        list(_placed(kept, rows, keys, homes)),
        homes,
        frozenset(known),
        frozenset(key for key, row in zip(keys, rows, strict=True) if row.message_stamp),
        frozenset(key for key, row in zip(keys, rows, strict=True) if row.revision or homes[key].generation),
        frozenset(row.stamp_day for row in rows if row.stamp_day),
    )


def find_homes(client: Client, internal: str, keys: Iterable[int]) -> dict[int, Home]:
    """Return the homes of those messages that have one."""
    wanted = ",".join(map(str, set(keys)))
    found = client.raw_query(
        f"SELECT message_key, argMax(home, generation), max(generation), argMax(recipient, generation) FROM {internal}.known_homes"  # noqa: S608 - our own names, and numbers
        f" WHERE message_key IN (SELECT arrayJoin(CAST('[{wanted}]', 'Array(UInt64)'))) GROUP BY message_key",  # text parses faster than a list of literals
        settings=_QUERY_SETTINGS,
        fmt="RowBinary",
    )
    return {
        key: Home(_FIRST_DAY + timedelta(day), generation, recipient)
        for key, day, generation, recipient in _HOME.iter_unpack(bytes(found))
    }


def write_homes(client: Client, internal: str, homes: Mapping[int, Home], settings: Mapping[str, Any]) -> None:
    """Write homes down; they are on the disk when this returns."""
    if homes:
        rows = b"".join(
            _HOME.pack(key, (home.day - _FIRST_DAY).days, home.generation, home.recipient)
            for key, home in homes.items()
        )
        client.raw_insert(
            f"{internal}.message_homes",
            ("message_key", "home", "generation", "recipient"),
            insert_block=rows,
            fmt="RowBinary",
            settings=dict(settings),
        )


def _read(value: bytes) -> _Row:
    try:
        return _decode(value)
    except msgspec.DecodeError as error:
        raise RefusedError(f"no report or submission: {error}") from error


def _suspects(rows: Sequence[_Row], keys: Sequence[int], homes: Mapping[int, Home]) -> dict[int, Suspect]:
    """Return the reports, by place in the batch, that may be copies of one that was read with another recipient."""
    return {
        at: Suspect(row.event_id, key, {homes[key].day.isoformat(), *filter(None, (row.stamp_day,))})
        for at, (row, key) in enumerate(zip(rows, keys, strict=True))
        if row.status and not row.revision and _recipient_hash(key, row) != homes[key].recipient
    }


def _with_first_recipients(
    values: Sequence[bytes], rows: Sequence[_Row], suspects: Collection[int], stored: Mapping[str, Recipient]
) -> Sequence[bytes]:
    """Give the copies of a report that is stored, or comes earlier in the batch, the recipient of that one."""
    if not suspects:
        return values
    firsts: dict[str, Recipient] = {}
    for row in rows:
        firsts.setdefault(row.event_id, Recipient(row.recipient, row.country))
    firsts |= stored
    kept = list(values)
    for at in suspects:
        first = firsts[rows[at].event_id]
        if first.number != rows[at].recipient:
            kept[at] = with_recipient(values[at], first)
    return kept


def _recipient_hash(key: int, row: _Row) -> int:
    """Return a hash that alone, without the message's id, says nothing of the number."""
    return zlib.crc32(f"{key} {row.recipient}".encode())


def _placed(
    values: Sequence[bytes], rows: Sequence[_Row], keys: Sequence[int], homes: Mapping[int, Home]
) -> Iterable[bytes]:
    for value, row, key in zip(values, rows, keys, strict=True):
        home = homes[key]
        if home.generation or home.day != _day(row):
            yield value.rstrip()[:-1] + b',"home":"%s","generation":%d}' % (
                home.day.isoformat().encode(),
                home.generation,
            )
        else:  # the column's default
            yield value
        if row.supersedes is not None:
            yield _deletion(row, home)


def _day(row: _Row) -> date:
    at = row.received_at
    return (at if at.tzinfo is UTC else at.astimezone(UTC)).date()


def _deletion(row: _Row, home: Home) -> bytes:
    return msgspec.json.encode(
        {
            "event_id": row.supersedes,
            "provider": row.provider,
            "account": row.account,
            "message_id": row.message_id,
            "received_at": row.received_at,
            "stamp_day": _FIRST_DAY,
            "home": home.day,
            "is_deleted": 1,
        }
    )
