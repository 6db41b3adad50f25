"""
The home of a message: the day on which its first record was received.

All rows of a message are stored under its home, so that a question about a time reads what is of that time. The drain
asks `message_homes` for the homes of the messages in a batch, and writes the new ones there, before it inserts the
batch; a batch that is inserted again finds the homes that it was given the first time.
"""

import hashlib
import struct
import zlib
from collections.abc import Iterable, Mapping
from datetime import UTC, date, timedelta
from typing import Any, Final, NamedTuple, TypeAlias

from clickhouse_connect.driver.client import Client

from normalizers.model import DeliveryReport
from normalizers.spelling import NO_DAY
from normalizers.submissions import Submission

_QUERY_SETTINGS: Final = {"max_query_size": 64 * 1024 * 1024}
#: A row of `message_homes` as ClickHouse's format RowBinary has it: message_key, home in days since 1970, generation,
#: first_row.
_HOME: Final = struct.Struct("<QHII")
_FIRST_DAY: Final = date(1970, 1, 1)

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


def message_key(provider: str, account: str, message_id: str) -> int:
    """Return the hash by which the rows of a message are sorted."""
    return _hash(f"{provider}\0{account}\0{message_id}")


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


def message_row(row: Message, key: int, stamp: str, home: Home) -> int:
    """Return the number that tells messages of one key apart: 0 for the first one that was heard of, else a hash."""
    if not stamp and first_row(row, key) == home.first_row:
        return 0
    return _hash(f"{row.provider}\0{row.account}\0{row.message_id}\0{row.recipient}\0{stamp}")


def first_row(row: Message, key: int) -> int:
    """Return a hash that alone, without the message's id, says nothing of the number."""
    return zlib.crc32(row.recipient.encode(), key & 0xFFFF_FFFF)


def _hash(words: str) -> int:
    return int.from_bytes(hashlib.blake2b(words.encode(), digest_size=8).digest(), "little")


def receipt_day(row: Message) -> date:
    """Return the day (UTC) on which a row was received."""
    at = row.received_at
    return (at if at.tzinfo is UTC else at.astimezone(UTC)).date()


def stored_day(row: DeliveryReport, home: Home) -> date:
    """Return the day under which a report is stored: the column `day`."""
    return home.day if row.stamp_day == NO_DAY else row.stamp_day
