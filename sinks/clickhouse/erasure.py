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
from sinks.personal import PERSONAL
from sinks.stream import Topic

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

    A row is deleted where one of `numbers` spells the number. `texts` may contain it: for each, an expression that
    yields its text, and an assignment in which the expressions in braces are redacted. `keys` belong to the sort key,
    which can't be changed: rows in which they contain the number are counted.
    """

    numbers: Sequence[str]
    texts: Mapping[str, str]
    keys: Sequence[str] = ()


#: Columns that are not plain text: the expression and the assignment of each.
_NOT_PLAIN: Final = {
    "tags": (
        "arrayStringConcat(arrayConcat(mapKeys(tags), mapValues(tags)), ' and ')",
        "tags = mapApply((k, v) -> ({k}, {v}), tags)",
    ),
    "body": (
        "if(body_encoding = 'base64', tryBase64Decode(body), body)",
        "body = if(body_encoding = 'base64', base64Encode({tryBase64Decode(body)}), {body})",
    ),
}


def _table(topic: Topic, keys: Sequence[str] = ()) -> _Table:
    numbers, texts = PERSONAL[topic]
    return _Table(numbers, dict(_NOT_PLAIN.get(name, (name, f"{name} = {{{name}}}")) for name in texts), keys)


_TABLES: Final[Mapping[str, _Table]] = {
    "reports": _table(Topic.REPORTS, ("message_id",)),
    "messages": _Table(
        ("recipient",),
        {
            "sender": "sender = {sender}",
            "reference": "reference = {reference}",
            # Between two texts stands a word, so that digits of both don't look like one number.
            "operator": "operator = {operator}",
            "concatWithSeparator(' and ', outcome.3, outcome.4, outcome.5)": (
                "outcome = tuple(outcome.precedence, outcome.reason,"
                " {outcome.provider_status}, {outcome.provider_code}, {outcome.provider_text})"
            ),
            "substring(submission, 17)": "submission = concat(substring(submission, 1, 16), {substring(submission, 17)})",
        },
    ),
    "submissions": _table(Topic.SUBMISSIONS, ("message_id",)),
    "submissions_lately": _Table(("recipient",), {}, ("message_id",)),
    "inbound": _table(Topic.INBOUND),
    "dead_letters": _table(Topic.DEAD_LETTERS),
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
        erased = [_Erasing(store, name, number, stored_as).run() for name in _TABLES]
        _wait_for_old_files(store)
    finally:
        keep_old_parts(store)
    return erased


def keep_old_parts(store: Store) -> None:
    """Have the tables keep old parts for their usual time again, also after an erasure that was killed."""
    changed = (
        f"SELECT name FROM system.tables WHERE {_of(store, list(_TABLES), 'name')}"  # noqa: S608 - values are quoted
        f" AND position(engine_full, 'old_parts_lifetime = {OLD_PARTS_SECONDS},') = 0"
    )
    for (name,) in store.client.query(changed).result_rows:
        _alter(store, name, f"MODIFY SETTING old_parts_lifetime = {OLD_PARTS_SECONDS}")


class _Erasing:
    """The erasure of one number from one table."""

    def __init__(self, store: Store, name: str, number: str, stored_as: Sequence[str]) -> None:
        self._store = store
        self._name = name
        self._table = _TABLES[name]
        regexp = number_regexp(number)
        self._pattern = format_query_value(regexp) if regexp else ""
        forms = format_query_value(list(stored_as))
        self._about = _any(
            f"has({forms}, toString({column})) OR {self._containing([f'toString({column})'])}"
            for column in self._table.numbers
        )

    def run(self) -> ErasedTable:
        containing = self._containing(self._table.texts)
        deleted = self._count(self._about)
        if deleted:
            _alter(self._store, self._name, f"DELETE WHERE {self._about}")
        redacted = self._count(containing)
        if redacted:
            changes = ", ".join(map(self._redaction, self._table.texts.values()))
            _alter(self._store, self._name, f"UPDATE {changes} WHERE {containing}")
        if _old_mutations(self._store, [self._name]):  # also of an erasure that was cut short
            _alter(self._store, self._name, _EMPTY_MUTATION)
        left = self._count(self._containing([*self._table.texts, *self._table.keys]))
        return ErasedTable(table=self._name, deleted=deleted, redacted=redacted, left=left)

    def _containing(self, texts: Iterable[str]) -> str:
        return _any(f"match({text}, {self._pattern})" for text in texts if self._pattern)

    def _redaction(self, assignment: str) -> str:
        """Return an assignment with what stands in braces redacted; twice, since neighbours share a separator."""

        def redact(expression: re.Match[str]) -> str:
            once = f"replaceRegexpAll({expression[1]}, {self._pattern}, '\\\\1{_MASK}\\\\2')"
            return f"replaceRegexpAll({once}, {self._pattern}, '\\\\1{_MASK}\\\\2')"

        return re.sub(r"\{(.*?)\}", redact, assignment)

    def _count(self, condition: str) -> int:
        return _count(self._store, f"{self._store.internal}.{self._name} WHERE {condition}")


def _any(conditions: Iterable[str]) -> str:
    return " OR ".join(conditions) or "0"


def _alter(store: Store, name: str, change: str) -> None:
    sql = f"ALTER TABLE {store.local}.{name} {store.on_cluster} {change}"
    store.client.command(sql, settings={"mutations_sync": 2})


def _old_mutations(store: Store, tables: Sequence[str]) -> int:
    """Return how many mutations these tables know that may name the number."""
    mutations = store.on_all_servers("system.mutations")
    return _count(store, f"{mutations} WHERE {_of(store, tables)} AND position(command, '{_EMPTY_MUTATION}') = 0")


def _wait_for_old_files(store: Store) -> None:
    """Return once no file of a part or of a mutation holds what was there before; raises `BusyError`."""
    deadline = time.monotonic() + _WAIT_SECONDS
    ours, ended = _of(store, list(_TABLES)), f"toDateTime({int(time.time())})"
    old_parts = (
        f"{store.on_all_servers('system.parts')} WHERE {ours} AND NOT active AND rows > 0 AND remove_time <= {ended}"
    )
    while _count(store, old_parts) or _old_mutations(store, list(_TABLES)):
        if time.monotonic() > deadline:
            raise BusyError("the store has not removed its old files yet: run the command again")
        time.sleep(_POLL_SECONDS)


def _of(store: Store, tables: Sequence[str], column: str = "table") -> str:
    return f"database = {format_query_value(store.local)} AND has({format_query_value(list(tables))}, {column})"


def _count(store: Store, rows: str) -> int:
    return int(str(store.client.command(f"SELECT count() FROM {rows}")))  # noqa: S608 - values are quoted
