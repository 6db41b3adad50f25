"""
Checks a query word by word, without a grammar.

No word may be the name of a refused function, even without a parenthesis: ClickHouse also calls functions by name, as
in `arrayMap(file, ...)` and `APPLY file`. Only known functions may stand before a parenthesis, and only allowed tables
after the name of a system database. `INTO` is never allowed.
"""

from collections.abc import Sequence
from typing import Final

from ingest.query.guard.functions import Functions
from ingest.query.guard.tokens import RefusedQueryError, Token, access_denied

#: System tables about the schema and the engine, not about users, their queries or the machine.
OPEN_TABLES: Final = {
    "system": frozenset(
        """
        aggregate_function_combinators build_options collations columns contributors data_skipping_index_types
        data_skipping_indices data_type_families database_engines databases dictionaries formats functions keywords
        licenses merge_tree_settings numbers numbers_mt one parts parts_columns settings table_engines table_functions
        tables time_zones zeros zeros_mt
        """.split()
    ),
    "information_schema": frozenset(
        """
        character_sets collations columns engines key_column_usage referential_constraints schemata statistics tables
        views
        """.split()
    ),
}
_DATABASES: Final = {*OPEN_TABLES, "default"}  # chDB's database `default` gives access to files

OPEN_TABLE_FUNCTIONS: Final = frozenset(
    {"generate_series", "generateseries", "null", "numbers", "numbers_mt", "values"}
)

#: Keywords that a parenthesis may follow.
_BEFORE_PARENTHESIS: Final = frozenset(
    """
    ALL AND ANY APPLY AS BETWEEN BY CASE COLUMNS CUBE DESC DESCRIBE DISTINCT DIV ELSE EXCEPT EXISTS EXPLAIN FILTER FROM
    GROUP HAVING ILIKE IN INTERPOLATE INTERSECT INTERVAL IS JOIN LIKE LIMIT MOD NOT OFFSET ON OR OVER PLAN PREWHERE
    QUALIFY REGEXP REPLACE ROLLUP SELECT SETS STEP SYNTAX THEN TO TOP TREE UNION USING WHEN WHERE WITH
    """.split()
)

_EDGE: Final = (Token("sign", ""), Token("sign", ""))


def check_words(tokens: Sequence[Token], functions: Functions, database: str) -> None:
    """Raise `RefusedQueryError` at the first word that is not allowed in its place."""
    padded = (*_EDGE, *tokens, *_EDGE)
    for index in range(2, len(padded) - 2):
        _check_word(padded[index - 2 : index + 3], functions, database.lower())


def _check_word(window: Sequence[Token], functions: Functions, database: str) -> None:
    owner, before, token, after, member = window
    if token.says("INTO", "OUTFILE"):
        raise access_denied("writing is not possible here")
    if before.text == ":" and token.name == "identifier":
        raise access_denied("an Identifier can't be a parameter here")
    if after.text == "." and token.name in _DATABASES and member.name not in OPEN_TABLES.get(token.name, ()):
        raise access_denied(f"{token.name}.{member.name} is not allowed here")
    if token.name in functions.refused and (before.text != "." or after.text == "("):
        raise access_denied(f"the function {token.name} is not allowed here")
    if after.text == "(" and token.name in functions.table_functions and token.name not in OPEN_TABLE_FUNCTIONS:
        raise access_denied(f"{token.name}() is not allowed here: it reaches files, addresses or other servers")
    if after.text == "(" and not _may_be_called(token, functions):
        is_view = before.text == "." and owner.name == database
        if not is_view:
            raise RefusedQueryError(
                46,
                "UNKNOWN_FUNCTION",
                f"there is no function {token.text} here (a view with parameters needs its database before it)",
            )


def _may_be_called(token: Token, functions: Functions) -> bool:
    if not token.name or token.says(*_BEFORE_PARENTHESIS):
        return True
    return token.name in OPEN_TABLE_FUNCTIONS or functions.allows(token.name)
