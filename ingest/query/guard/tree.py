"""Checks a query's syntax tree, by sqlglot: it has to be one query over allowed tables, without SETTINGS inside."""

from collections.abc import Sequence
from typing import ClassVar, Final

from sqlglot import exp
from sqlglot.dialects.clickhouse import ClickHouse
from sqlglot.errors import ParseError
from sqlglot.parsers.clickhouse import ClickHouseParser
from sqlglot.tokenizer_core import TokenType

from ingest.query.guard.tokens import RefusedQueryError, Token, access_denied, join, syntax_error
from ingest.query.guard.words import OPEN_TABLE_FUNCTIONS, OPEN_TABLES

_QUOTED: Final = (TokenType.STRING, TokenType.IDENTIFIER)


class _Parser(ClickHouseParser):
    """sqlglot's parser, except that it reads `LIMIT 1 BY x LIMIT 5` correctly, and not as two LIMITs."""

    QUERY_MODIFIER_PARSERS: ClassVar = {
        **ClickHouseParser.QUERY_MODIFIER_PARSERS,
        TokenType.LIMIT: lambda self: self.parse_limits(),
    }

    def parse_limits(self) -> tuple[str, exp.Expr | None]:
        """Read a LIMIT, or a LIMIT BY under a name of its own."""
        limit = self._parse_limit()
        return "limit_by" if limit and limit.expressions else "limit", limit


def check_tree(tokens: Sequence[Token], database: str) -> None:
    """Raise `RefusedQueryError` unless the tokens are one query over allowed tables."""
    for node in _parse(tokens).walk():
        _check_node(node, database)


def _parse(tokens: Sequence[Token]) -> exp.Expr:
    try:
        trees = _read(tokens)
    except RefusedQueryError:
        raise
    except RecursionError:
        raise RefusedQueryError(167, "TOO_DEEP_AST", "the query is nested too deeply") from None
    except ParseError as error:
        fault = error.errors[0]
        raise syntax_error(f"the query can't be read near '{fault['highlight']}'") from None
    except Exception:  # noqa: BLE001 - sqlglot trips over some broken queries (IndexError, AttributeError)
        raise syntax_error("the query is not understood") from None
    match trees:
        case [exp.Query() as query]:
            return query
        case _:
            raise access_denied("only SELECT, SHOW, DESCRIBE, EXISTS, and EXPLAIN of a SELECT are allowed here")


def _read(tokens: Sequence[Token]) -> Sequence[exp.Expr | None]:
    sql, dialect = join(tokens), ClickHouse()
    parts = dialect.tokenize(sql)
    quoted = [sql[part.start : part.end + 1] for part in parts if part.token_type in _QUOTED]
    if quoted != [token.text for token in tokens if token.kind in {"string", "identifier"}]:
        raise syntax_error("the query's quotes can be read in two ways")
    return _Parser(dialect=dialect).parse(parts, sql)


def _check_node(node: exp.Expr, database: str) -> None:
    if isinstance(node, exp.Command | exp.DDL | exp.DML | exp.Into) and not isinstance(node, exp.Query):
        raise access_denied(f"{node.key} is not allowed here")
    if node.args.get("settings"):
        raise access_denied("SETTINGS can stand at the end of the whole query only")
    if isinstance(node, exp.Query) and node.args.get("format"):
        raise syntax_error("FORMAT belongs to the end of the query")
    if isinstance(node, exp.Table):
        _check_table(node, {"", database, *OPEN_TABLES})


def _check_table(table: exp.Table, open_databases: set[str]) -> None:
    source = table.this
    if table.catalog or (table.db not in open_databases and table.db != "INFORMATION_SCHEMA"):
        raise access_denied(f"the database {table.catalog or table.db} is not allowed here")
    if isinstance(source, exp.Identifier) or table.db:  # a function with a database is a parametrised view
        return
    name = ""
    if isinstance(source, exp.Func):
        name = source.name if isinstance(source, exp.Anonymous) else source.sql_name()
    if name.lower() not in OPEN_TABLE_FUNCTIONS:
        raise access_denied(f"the table function {name} is not allowed here")
