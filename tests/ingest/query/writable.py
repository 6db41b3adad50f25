"""
The query interface turned into a ClickHouse server that can be written to, for tests of what writes to one.

It has no place in the product: the query server takes another way to answer, and connections that are not confined.
"""

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from ingest.query.execution import Query, QueryAnswer
from sinks.clickhouse.readonly import Connection, ReadOnlyEngine

_INSERT = re.compile(
    rb"\s* (?P<into> INSERT \s+ INTO \s+ .*? ) \s+ FORMAT \s+ (?P<format> \w+ ) [ ;]* (?: \n (?P<data> .* ) )? \Z",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_FORMAT = re.compile(r"\sFORMAT\s+(\w+)[\s;]*\Z", re.IGNORECASE)


class WritableEngine(ReadOnlyEngine):
    """The engine, with connections that can do everything."""

    def _open(self, path: str, number: int) -> Connection:
        return Connection(path, f"dlrhub query interface {number}", {})


def answer_writing(connection: Connection, query: Query) -> QueryAnswer:
    """Answer as a server would, whatever is asked."""
    connection.query(f"USE `{query.database or 'default'}`")
    whole = query.query.encode() + b"\n" + query.body if query.query else query.body
    insert = _INSERT.match(whole)
    if insert and insert["data"] is not None:
        return _insert(connection, insert, query.settings)
    sql = whole.decode()
    named = _FORMAT.search(sql)
    output_format = named[1] if named else query.default_format
    with _set(connection, query.settings):
        return QueryAnswer(connection.query(sql, output_format, query.parameters), output_format)


def _insert(connection: Connection, insert: re.Match[bytes], settings: Mapping[str, str]) -> QueryAnswer:
    with tempfile.NamedTemporaryFile() as file:
        file.write(insert["data"])
        file.flush()
        names = ", ".join(f"{name} = '{value}'" for name, value in settings.items())
        sql = f"{insert['into'].decode()} FROM INFILE '{os.fspath(file.name)}'"
        sql += f" SETTINGS {names}" if names else ""
        return QueryAnswer(connection.query(f"{sql} FORMAT {insert['format'].decode()}"), "TabSeparated")


@contextmanager
def _set(connection: Connection, settings: Mapping[str, str]) -> Iterator[None]:
    for name, value in settings.items():
        connection.query(f"SET {name} = '{value}'")
    try:
        yield
    finally:
        for name in settings:
            connection.query(f"SET {name} = DEFAULT")
