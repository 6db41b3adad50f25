"""Checks one query to the query interface, and runs it in one of the engine's threads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import orjson

from ingest.query.formats import find_format
from ingest.query.guard import functions
from ingest.query.guard.functions import Functions
from ingest.query.guard.settings import as_clause, checked_settings
from ingest.query.guard.statements import Statement, check
from ingest.query.guard.tokens import RefusedQueryError, access_denied, syntax_error
from ingest.query.native import native_blocks
from sinks.clickhouse.readonly import Connection, Limits, Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """
    A client's request; the text of the query is the URL's parameter `query`, continued in the `body`.

    `default_format` is used if the query names no format. `revision` is that of the native protocol that the client
    reads, or 0. `settings` are the URL's parameters that are settings of ClickHouse.
    """

    query: str
    body: bytes
    parameters: Mapping[str, str]
    database: str
    default_format: str
    revision: int
    settings: Mapping[str, str]

    def sql(self) -> str:
        """Return the whole text; raises `RefusedQueryError`."""
        try:
            text = self.body.decode()
        except UnicodeDecodeError:
            raise syntax_error("the query is not in UTF-8") from None
        return f"{self.query}\n{text}" if self.query and text else self.query or text


class QueryAnswer(NamedTuple):
    """The engine's answer and its output format."""

    result: Result
    output_format: str


def read_functions(connection: Connection) -> Functions:
    """Read the engine's lists of functions, and decide which of them may be called."""

    def rows(sql: str) -> list[list[str]]:
        return [line.split("\t") for line in connection.query(sql).body.decode().splitlines()]

    return functions.judge(
        rows(functions.FUNCTIONS_SQL),
        [name for (name,) in rows(functions.TYPES_SQL)],
        [name for (name,) in rows(functions.COMBINATORS_SQL)],
        [name for (name,) in rows(functions.TABLE_FUNCTIONS_SQL)],
    )


def answer(connection: Connection, query: Query, *, functions: Functions, database: str, limits: Limits) -> QueryAnswer:
    """Answer a query that only reads, within `limits`; raises `RefusedQueryError` and `QueryError`."""
    if query.database not in {"", "default", database}:
        raise RefusedQueryError(81, "UNKNOWN_DATABASE", f"the current database can only be {database} here")
    statement = check(query.sql(), functions, database)
    settings = checked_settings(statement.settings, query.settings, limits)
    if statement.is_query:
        statement = replace(statement, sql=statement.sql + as_clause(settings))
    output_format = find_format(statement.output_format or query.default_format)
    if not connection.reads_only(statement.sql):
        raise access_denied("only a single statement that reads is allowed here")
    if output_format == "Native" and query.revision:
        return QueryAnswer(_native(connection, statement, query), output_format)
    return QueryAnswer(connection.query(statement.sql, output_format, query.parameters), output_format)


def _native(connection: Connection, statement: Statement, query: Query) -> Result:
    result = connection.query(statement.sql, "Buffers", query.parameters)
    if not result.body:
        return result
    columns = _columns(connection, statement, query.parameters)
    return result._replace(body=native_blocks(result.body, columns, query.revision))


def _columns(connection: Connection, statement: Statement, parameters: Mapping[str, str]) -> Sequence[tuple[str, str]]:
    if statement.is_query:
        description = connection.query(f"DESCRIBE ({statement.sql})", "JSONCompact", parameters)
        return [(name, kind) for name, kind, *_ in orjson.loads(description.body)["data"]]
    again = connection.query(statement.sql, "JSONCompact", parameters)
    return [(column["name"], column["type"]) for column in orjson.loads(again.body)["meta"]]
