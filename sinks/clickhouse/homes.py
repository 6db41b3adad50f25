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
from datetime import UTC, date, timedelta
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec
from clickhouse_connect.driver.client import Client
from msgspec.structs import astuple, replace

from normalizers.model import DeliveryReport
from normalizers.spelling import NO_DAY
from normalizers.submissions import Submission
from sinks.clickhouse.copies import Recipient, Suspect, stored_recipients
from sinks.stream import Topic

_QUERY_SETTINGS: Final = {"max_query_size": 64 * 1024 * 1024}
#: A row of `message_homes` as ClickHouse's format RowBinary has it: message_key, home in days since 1970, generation,
#: first_row.
_HOME: Final = struct.Struct("<QHII")
_FIRST_DAY: Final = date(1970, 1, 1)
_encode: Final = msgspec.json.Encoder().encode


#: A row that belongs to a message.
Message: TypeAlias = DeliveryReport | Submission


class Home(NamedTuple):
    """
    The place of a message's rows: its day, and how often the message was computed anew from its reports.

    `first_row` is a hash of the first message and recipient that were heard of under this key.
    """

    day: date
    generation: int = 0
    first_row: int = 0


@dataclass(frozen=True, slots=True)
class Placed:
    """
    A batch whose rows say where they belong.

    `values` are JSON arrays of the rows' columns, followed by their `PLACE_COLUMNS`. `known` are the messages that the store had heard of
    before, `stamped` those with a `message_stamp` in this batch, and `again` those that have to be computed anew from
    all of their reports, of which `days` are the days in this batch.
    """

    values: list[bytes]
    homes: Mapping[int, Home]
    known: frozenset[int]
    stamped: frozenset[int]
    again: frozenset[int]
    days: frozenset[date]


#: The columns that tell where a row of each table belongs.
PLACE_COLUMNS: Final[Mapping[Topic, Sequence[str]]] = {
    Topic.REPORTS: ("message_key", "message_row", "home", "generation", "is_deleted"),
    Topic.SUBMISSIONS: ("message_key", "message_row", "home", "generation"),
}


def message_key(provider: str, account: str, message_id: str) -> int:
    """Return the hash by which the rows of a message are sorted."""
    return _hash(f"{provider}\0{account}\0{message_id}")


def place(client: Client, internal: str, rows: Sequence[Message], settings: Mapping[str, Any]) -> Placed:
    """
    Find the homes of reports or submissions, write down those of new messages, and put them into the rows.

    A callback that says what a poll said (`supersedes`) is followed by a row that takes the poll's report out of all
    counts.
    """
    keys = [message_key(row.provider, row.account, row.message_id) for row in rows]
    firsts = list(map(_first_row, rows, keys))
    known = find_homes(client, internal, keys)
    new: dict[int, Home] = {}
    for row, key, first in zip(rows, keys, firsts, strict=True):
        if key not in known and key not in new:
            new[key] = Home(_day(row), first_row=first)
    write_homes(client, internal, new, settings)
    homes = {**known, **new}
    others = {at for at, (key, first) in enumerate(zip(keys, firsts, strict=True)) if homes[key].first_row != first}
    suspects = _suspects(rows, keys, homes, others)
    kept = _with_first_recipients(rows, suspects, stored_recipients(client, internal, list(suspects.values())))
    reports = [(row, key) for row, key in zip(kept, keys, strict=True) if isinstance(row, DeliveryReport)]
    return Placed(
        [_encode(values) for values in _placed(kept, keys, homes, others)],
        homes,
        frozenset(known),
        frozenset(key for row, key in reports if row.message_stamp),
        frozenset(key for row, key in reports if row.revision)
        | frozenset(key for key, home in known.items() if home.generation),
        frozenset({row.stamp_day for row, _ in reports} - {NO_DAY}),
    )


def find_homes(client: Client, internal: str, keys: Iterable[int]) -> dict[int, Home]:
    """Return the homes of those messages that have one."""
    wanted = ",".join(map(str, set(keys)))
    found = client.raw_query(
        f"SELECT message_key, argMax(home, generation), max(generation), argMax(first_row, generation) FROM {internal}.known_homes"  # noqa: S608 - our own names, and numbers
        f" WHERE message_key IN (SELECT arrayJoin(CAST('[{wanted}]', 'Array(UInt64)'))) GROUP BY message_key",  # text parses faster than a list of literals
        settings=_QUERY_SETTINGS,
        fmt="RowBinary",
    )
    return {
        key: Home(_FIRST_DAY + timedelta(day), generation, first_row)
        for key, day, generation, first_row in _HOME.iter_unpack(bytes(found))
    }


def write_homes(client: Client, internal: str, homes: Mapping[int, Home], settings: Mapping[str, Any]) -> None:
    """Write homes down; they are on the disk when this returns."""
    if homes:
        rows = b"".join(
            _HOME.pack(key, (home.day - _FIRST_DAY).days, home.generation, home.first_row)
            for key, home in homes.items()
        )
        client.raw_insert(
            f"{internal}.message_homes",
            ("message_key", "home", "generation", "first_row"),
            insert_block=rows,
            fmt="RowBinary",
            settings=dict(settings),
        )


def _suspects(
    rows: Sequence[Message], keys: Sequence[int], homes: Mapping[int, Home], others: Iterable[int]
) -> dict[int, Suspect]:
    """Return the reports, by place in the batch, that may be copies of one that was read with another recipient."""
    suspects = {}
    for at in others:
        row, key = rows[at], keys[at]
        if isinstance(row, DeliveryReport) and not row.revision:
            suspects[at] = Suspect(row.event_id, key, {homes[key].day, row.stamp_day})
    return suspects


def _with_first_recipients(
    rows: Sequence[Message], suspects: Mapping[int, Suspect], stored: Mapping[str, Recipient]
) -> Sequence[Message]:
    """Give the copies of a report that is stored, or comes earlier in the batch, the recipient of that one."""
    if not suspects:
        return rows
    firsts: dict[str, Recipient] = {}
    for row in rows:
        firsts.setdefault(row.event_id, Recipient(row.recipient, row.country))
    firsts |= stored
    kept = list(rows)
    for at, suspect in suspects.items():
        first = firsts[suspect.event_id]
        kept[at] = replace(rows[at], recipient=first.number, country=first.country)
    return kept


def _placed(
    rows: Sequence[Message], keys: Sequence[int], homes: Mapping[int, Home], others: Collection[int]
) -> Iterable[tuple[object, ...]]:
    for at, (row, key) in enumerate(zip(rows, keys, strict=True)):
        home = homes[key]
        if isinstance(row, Submission):
            yield *astuple(row), key, _message_row(row, key, "", home) if at in others else 0, home.day, home.generation
            continue
        number = _message_row(row, key, row.message_stamp, home) if at in others or row.message_stamp else 0
        yield *astuple(row), key, number, home.day, home.generation, 0
        if row.supersedes is not None:
            yield *astuple(_without_content(row)), key, 0, home.day, home.generation, 1


def _message_row(row: Message, key: int, stamp: str, home: Home) -> int:
    """Return the number that tells messages of one key apart: 0 for the first one that was heard of, else a hash."""
    if not stamp and _first_row(row, key) == home.first_row:
        return 0
    return _hash(f"{row.provider}\0{row.account}\0{row.message_id}\0{row.recipient}\0{stamp}")


def _first_row(row: Message, key: int) -> int:
    """Return a hash that alone, without the message's id, says nothing of the number."""
    return zlib.crc32(row.recipient.encode(), key & 0xFFFF_FFFF)


def _hash(words: str) -> int:
    return int.from_bytes(hashlib.blake2b(words.encode(), digest_size=8).digest(), "little")


def _day(row: Message) -> date:
    at = row.received_at
    return (at if at.tzinfo is UTC else at.astimezone(UTC)).date()


def _without_content(row: DeliveryReport) -> DeliveryReport:
    """Return the row that takes the superseded report out: a report of its event id that says nothing."""
    return replace(
        row,
        event_id=row.supersedes,
        supersedes=None,
        message_stamp="",
        reference="",
        recipient="",
        country="",
        operator="",
        sender="",
        provider_text="",
        custom=None,
        notes=(),
        stamp_day=NO_DAY,
        raw="",
    )
