"""
Checks that a query is one statement that reads the store's tables, and nothing else.

The text is split into tokens and joined again with a space between each, without comments, so that no other lexer can
read it differently; an uncertain token is refused. The engine runs exactly this text, never one that is generated from
a syntax tree, which could have another meaning.

A query is checked twice, so that no difference between sqlglot's grammar and ClickHouse's can be exploited: word by
word, without a grammar (`words`), and as a tree (`tree`). SHOW, DESCRIBE, EXISTS and EXPLAIN have to match the patterns
in this file. After that come the engine's own parser and `readonly = 2` (`sinks.clickhouse.readonly`).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ingest.query.guard.functions import Functions
from ingest.query.guard.settings import split_settings
from ingest.query.guard.tokens import Token, access_denied, join, syntax_error, tokenize
from ingest.query.guard.tree import check_tree
from ingest.query.guard.words import check_words

MAX_BYTES: Final = 256 * 1024  # ClickHouse's own max_query_size
MAX_TOKENS: Final = 50_000  # takes about a second

_NAME: Final = r"(?: \w+ | `[^`]*` | \"[^\"]*\" )"
_TABLE: Final = rf"{_NAME} (?: \ \.\ {_NAME} )?"

_READING: Final = ("SELECT", "WITH", "FROM", "SHOW", "DESC", "DESCRIBE", "EXISTS", "EXPLAIN")
#: ClickHouse's other statements.
_WRITING: Final = tuple(
    """
    ALTER ATTACH BACKUP BEGIN CHECK COMMIT CREATE DELETE DETACH DROP EXCHANGE EXECUTE GRANT INSERT KILL MOVE OPTIMIZE
    RENAME REPLACE RESTORE REVOKE ROLLBACK SYSTEM TRUNCATE UNDROP UPDATE USE WATCH
    """.split()
)

#: Statements without a query in them, as `tokens.join` writes them.
_DESCRIPTION: Final = re.compile(
    rf"""
    (?: DESC | DESCRIBE ) (?: \ TABLE )? \ {_TABLE}
  | EXISTS (?: \ TABLE | \ VIEW | \ DATABASE )? \ {_TABLE}
  | SHOW \ CREATE (?: \ TABLE | \ VIEW | \ DATABASE )? \ {_TABLE}
  | SHOW (?: \ FULL | \ EXTENDED )* \ (?: DATABASES | TABLES | COLUMNS | FIELDS | INDEX | INDEXES | INDICES | KEYS
                                        | ENGINES | FUNCTIONS | SETTINGS ) (?: \ [^(]* )?
    """,
    re.VERBOSE | re.ASCII | re.IGNORECASE,
)
#: Words that may stand before the query in an EXPLAIN or DESCRIBE.
_PREFIX: Final = re.compile(
    r"""
    EXPLAIN (?: \ AST | \ SYNTAX | \ QUERY\ TREE | \ PLAN | \ PIPELINE | \ ESTIMATE )? (?: \ \w+\ =\ \d (?: \ , )? )*
  | (?: DESC | DESCRIBE ) (?: \ TABLE )?
    """,
    re.VERBOSE | re.ASCII | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Statement:
    """
    A checked statement, without its FORMAT and SETTINGS clauses.

    `output_format` is the format that it named, or empty; `settings` are those of its clause.
    """

    sql: str
    output_format: str
    is_query: bool
    settings: Mapping[str, str] = field(default_factory=dict)


def check(sql: str, functions: Functions, database: str) -> Statement:
    """Return the statement if it may be run with `database` as the current one; raises `RefusedQueryError`."""
    tokens = _single(_read(sql))
    _check_kind(tokens[0])
    tokens, settings = split_settings(tokens)
    tokens, output_format = _split_format(tokens)
    if not settings:
        tokens, settings = split_settings(tokens)  # SETTINGS may also come before FORMAT
    check_words(tokens, functions, database)
    statement = Statement(join(tokens), output_format, is_query=_starts_query(tokens[0]), settings=settings)
    if not _DESCRIPTION.fullmatch(statement.sql):
        check_tree(_query_in(tokens), database)
    return statement


def _check_kind(first: Token) -> None:
    """Raise `RefusedQueryError` unless the first word of a statement is that of one that reads."""
    if first.text == "(" or first.says(*_READING):
        return
    if first.says("SET"):
        raise access_denied("SET has no effect here: write SETTINGS name = value at the end of the query")
    if first.says(*_WRITING):
        raise access_denied(f"{first.text.upper()} is not possible: the query interface only reads")
    raise syntax_error(
        f"a statement can't begin with {first.text[:40]}; write SELECT, SHOW, DESCRIBE, EXISTS or EXPLAIN"
    )


def _read(sql: str) -> list[Token]:
    if len(sql.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise syntax_error(f"the query is over {MAX_BYTES} bytes")
    tokens = tokenize(sql)
    if len(tokens) > MAX_TOKENS:
        raise syntax_error(f"the query has over {MAX_TOKENS} tokens: make a long list a parameter")
    return tokens


def _single(tokens: list[Token]) -> list[Token]:
    while tokens and tokens[-1].text == ";":
        tokens.pop()
    if not tokens:
        raise syntax_error("the query is empty")
    if any(token.text == ";" for token in tokens):
        raise syntax_error("only one statement at a time")
    return tokens


def _split_format(tokens: list[Token]) -> tuple[list[Token], str]:
    match tokens:
        case [*statement, clause, Token("word", name)] if statement and clause.says("FORMAT"):
            return statement, name
    return tokens, ""


def _query_in(tokens: list[Token]) -> list[Token]:
    """Return the query itself: the whole statement, or the query in an EXPLAIN or DESCRIBE."""
    start = next((index for index, token in enumerate(tokens) if _starts_query(token)), len(tokens))
    if start and not _PREFIX.fullmatch(join(tokens[:start])):
        raise access_denied("only SELECT, SHOW, DESCRIBE, EXISTS, and EXPLAIN of a SELECT are allowed here")
    return tokens[start:]


def _starts_query(token: Token) -> bool:
    return token.text == "(" or token.says("SELECT", "WITH", "FROM")
