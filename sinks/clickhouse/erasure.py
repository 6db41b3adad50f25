"""
Erases one phone number from every table: rows about it are deleted, and texts of other rows that contain it are
redacted.

ClickHouse rewrites the parts that hold such rows (a mutation) and keeps the old parts for a while; the erasure waits
until those files are gone, too.
"""

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from clickhouse_connect.driver.binding import format_query_value

from normalizers.written_numbers import number_regexp
from sinks.clickhouse.store import Store
from sinks.errors import BusyError

_MASK: Final = "***"
#: As in the tables' definition: how long parts outlive the merge or mutation that replaced them.
OLD_PARTS_SECONDS: Final = 480
_WAIT_SECONDS: Final = 120.0
_POLL_SECONDS: Final = 1.0
#: Parts and mutations that are done leave the disk soon. ClickHouse keeps the file of the last mutation, so an empty
#: one follows those that name the number.
_FORGET_OLD_FILES: Final = "old_parts_lifetime = 1, finished_mutations_to_keep = 1"
_EMPTY_MUTATION: Final = "DELETE WHERE 0"


@dataclass(frozen=True, slots=True)
class _Table:
    """
    A table that holds phone numbers, and its columns.

    A row is deleted where one of `numbers` is the number. `texts` may contain it: for each, an expression that yields
    its text, and an assignment in which the expressions in braces are redacted. `keys` belong to the sort key, which
    can't be changed: rows in which they contain the number are counted.
    """

    numbers: Sequence[str]
    texts: Mapping[str, str]
    keys: Sequence[str] = ()


def _plain(*columns: str) -> Mapping[str, str]:
    return {column: f"{column} = {{{column}}}" for column in columns}


_TABLES: Final[Mapping[str, _Table]] = {
    "reports": _Table(("recipient",), _plain("reference", "sender", "provider_text", "custom", "raw"), ("message_id",)),
    "messages": _Table(
        ("recipient",),
        {
            "concat(details.provider_text, ' ', details.sender, ' ', details.reference)": (
                "details = tuple(details.precedence, details.provider_status, details.provider_code,"
                " {details.provider_text}, {details.sender}, {details.reference})"
            ),
            "concat(submission.reference, ' ', toString(submission.tags))": (
                "submission = tuple(submission.version, {submission.reference},"
                " mapApply((k, v) -> (k, {v}), submission.tags))"
            ),
        },
    ),
    "submissions": _Table(
        ("recipient",),
        {**_plain("reference"), "toString(tags)": "tags = mapApply((k, v) -> (k, {v}), tags)"},
    ),
    "submissions_lately": _Table(("recipient",), {}),
    "inbound": _Table(("sender", "recipient"), _plain("content", "raw")),
    "dead_letters": _Table(
        (),
        {
            **_plain("query", "headers", "detail"),
            "if(body_encoding = 'base64', tryBase64Decode(body), body)": (
                "body = if(body_encoding = 'base64', base64Encode({tryBase64Decode(body)}), {body})"
            ),
        },
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasedTable:
    """The result of an erasure in one table; `left` rows still have the number in their message id."""

    table: str
    deleted: int
    redacted: int
    left: int


def erase(store: Store, number: str, stored_as: Sequence[str]) -> list[ErasedTable]:
    """
    Erase a number, and return what was done to each table; it may be repeated after it was cut short.

    `number` is E.164; `stored_as` are all forms in which a column of numbers may hold it, hashed ones included. Raises
    `BusyError` where files that hold old rows are still there after two minutes.
    """
    for name in _TABLES:
        _alter(store, name, f"MODIFY SETTING {_FORGET_OLD_FILES}")
    try:
        erased = [_Erasing(store, name, table, number, stored_as).run() for name, table in _TABLES.items()]
        _wait_for_old_files(store)
    finally:
        for name in _TABLES:
            _alter(store, name, f"MODIFY SETTING old_parts_lifetime = {OLD_PARTS_SECONDS}")
    return erased


class _Erasing:
    """The erasure of one number from one table."""

    def __init__(self, store: Store, name: str, table: _Table, number: str, stored_as: Sequence[str]) -> None:
        regexp = number_regexp(number)
        self._store = store
        self._name = name
        self._table = table
        #: RE2 has no look-around, so the characters on both sides belong to the match, and are put back.
        self._pattern = format_query_value(f"(^|[^0-9])(?:{regexp})($|[^0-9])") if regexp else ""
        numbers = format_query_value(list(stored_as))
        self._about = " OR ".join(f"has({numbers}, toString({column}))" for column in table.numbers)

    def run(self) -> ErasedTable:
        containing = self._containing(self._table.texts)
        deleted = self._count(self._about)
        if deleted:
            _alter(self._store, self._name, f"DELETE WHERE {self._about}")
        redacted = self._count(containing)
        if redacted:
            changes = ", ".join(map(self._redaction, self._table.texts.values()))
            _alter(self._store, self._name, f"UPDATE {changes} WHERE {containing}")
        if deleted or redacted:
            _alter(self._store, self._name, _EMPTY_MUTATION)
        left = self._count(self._containing([*self._table.texts, *self._table.keys]))
        return ErasedTable(table=self._name, deleted=deleted, redacted=redacted, left=left)

    def _containing(self, texts: Iterable[str]) -> str:
        return " OR ".join(f"match({text}, {self._pattern})" for text in texts) if self._pattern else ""

    def _redaction(self, assignment: str) -> str:
        """Return an assignment with what stands in braces redacted; twice, since neighbours share a separator."""

        def redact(expression: re.Match[str]) -> str:
            once = f"replaceRegexpAll({expression[1]}, {self._pattern}, '\\\\1{_MASK}\\\\2')"
            return f"replaceRegexpAll({once}, {self._pattern}, '\\\\1{_MASK}\\\\2')"

        return re.sub(r"\{(.*?)\}", redact, assignment)

    def _count(self, condition: str) -> int:
        if not condition:
            return 0
        sql = f"SELECT count() FROM {self._store.internal}.{self._name} WHERE {condition}"  # noqa: S608 - values are quoted
        return int(str(self._store.client.command(sql)))


def _alter(store: Store, name: str, change: str) -> None:
    sql = f"ALTER TABLE {store.local}.{name} {store.on_cluster} {change}"
    store.client.command(sql, settings={"mutations_sync": 2})


def _wait_for_old_files(store: Store) -> None:
    """Return once no file of a part or of a mutation holds what was there before; raises `BusyError`."""
    deadline = time.monotonic() + _WAIT_SECONDS
    parts, mutations = map(store.on_all_servers, ("system.parts", "system.mutations"))
    ours = f"database = {format_query_value(store.local)} AND table IN ({format_query_value(list(_TABLES))[1:-1]})"
    ended = f"toDateTime({int(time.time())})"
    old = (
        f"SELECT (SELECT count() FROM {parts} WHERE {ours} AND NOT active AND rows > 0 AND remove_time <= {ended})"  # noqa: S608
        f" + (SELECT count() FROM {mutations} WHERE {ours} AND position(command, '{_EMPTY_MUTATION}') = 0)"
    )
    while int(str(store.client.command(old))):
        if time.monotonic() > deadline:
            raise BusyError("the store has not removed its old files yet: run the command again")
        time.sleep(_POLL_SECONDS)
