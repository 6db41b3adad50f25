"""The query guard by itself: no query of any shape carries an attack past it."""

import json
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.query.execution import Query, answer
from ingest.query.guard import functions as listing
from ingest.query.guard.functions import Functions, judge
from ingest.query.guard.statements import Statement, check
from ingest.query.guard.tokens import RefusedQueryError, Token, join, tokenize
from ingest.query.guard.tree import check_tree
from sinks.clickhouse.readonly import Connection, Limits
from tests.ingest.query.fixtures import QueryServer
from tests.ingest.query.guard.attacks.others import LEARN_OF_OTHERS
from tests.ingest.query.guard.attacks.reading import READ_BY_FUNCTION, READ_BY_TABLE
from tests.ingest.query.guard.attacks.servers import REACH_A_SERVER
from tests.ingest.query.guard.attacks.writing import WRITE
from tests.ingest.query.test_questions import QUESTIONS

#: Words that no query may contain.
FORBIDDEN = [
    "file('x')",
    "`file`('x')",
    "arrayMap(file, ['x'])",
    "APPLY file",
    "(url('x'))",
    "(nope('x'))",
    "INTO OUTFILE 'x'",
    "default.`x`",
    "system.processes",
    "{x:Identifier}",
    "sleep(1)",
    "; SELECT 1",
    "x'41'",
    "$$x$$",
]
WORDS = """
SELECT FROM WHERE GROUP BY ORDER LIMIT WITH AS ( ) ( ) [ ] { } , . :: : ? -> = < - * JOIN ASOF ARRAY USING UNION ALL
EXCEPT CASE WHEN THEN ELSE END IN NOT AND BETWEEN LIKE NULL OVER PARTITION WINDOW FINAL SAMPLE PREWHERE INTERVAL DAY
CAST count MAP numbers values reports dlr a 1 2.5 'x' `q` "z" EXISTS EXPLAIN DESCRIBE SHOW TABLES FORMAT JSON SETTINGS
APPLY COLUMNS QUALIFY FETCH GLOBAL DATE INTERPOLATE FILL VALUES UNNEST PIVOT TABLE EXTRACT TRIM PASTE CREATE INSERT SET
""".split()


@pytest.fixture(scope="module")
def functions(query_server: QueryServer) -> Functions:
    """Judge the functions of the engine that runs here."""

    def rows(sql: str) -> list[list[str]]:
        answer = query_server.ask(sql, default_format="JSONCompactStringsEachRow").text
        return [json.loads(line) for line in answer.splitlines()]

    return judge(
        rows(listing.FUNCTIONS_SQL),
        [name for (name,) in rows(listing.TYPES_SQL)],
        [name for (name,) in rows(listing.COMBINATORS_SQL)],
    )


def judged(sql: str, functions: Functions) -> Statement | None:
    """Return the statement, or None if it is refused; any other error fails the test."""
    try:
        return check(sql, functions, "dlr")
    except RefusedQueryError:
        return None


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_an_attack_is_refused_wherever_it_stands(functions: Functions, data: st.DataObject) -> None:
    """An attack put anywhere into any query is refused."""
    tokens = tokenize(data.draw(st.sampled_from(QUESTIONS)))
    place = data.draw(st.integers(0, len(tokens)))
    attack = data.draw(st.sampled_from(FORBIDDEN))
    assert judged(f"{join(tokens[:place])} {attack} {join(tokens[place:])}", functions) is None


@pytest.mark.parametrize("attack", READ_BY_FUNCTION + READ_BY_TABLE + WRITE + REACH_A_SERVER + LEARN_OF_OTHERS)
def test_the_guard_alone_refuses_an_attack(functions: Functions, attack: str) -> None:
    """An attack is refused by the guard, without the walls behind it."""
    assert judged(attack, functions) is None


def test_a_text_too_long_is_refused(functions: Functions) -> None:
    """A query over ClickHouse's size limit, or with more tokens than can be checked in a second, is refused."""
    assert judged("SELECT '" + "x" * 200_000 + "'", functions)
    assert judged("SELECT '" + "x" * 300_000 + "'", functions) is None
    assert judged("SELECT 1" + ",1" * 20_000, functions)
    assert judged("SELECT 1" + ",1" * 30_000, functions) is None


def test_a_text_that_sqlglot_reads_otherwise_is_refused() -> None:
    """If sqlglot takes other parts of a text for quoted than the lexer did, the query is refused."""
    with pytest.raises(RefusedQueryError, match="two ways"):
        check_tree([Token("word", "SELECT"), Token("string", "x'41'")], "dlr")


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.lists(st.sampled_from(WORDS), max_size=40).map(" ".join), st.text(max_size=60)))
def test_whatever_is_asked_is_judged(functions: Functions, text: str) -> None:
    """The guard passes or refuses any text, and never fails on one."""
    judged(f"SELECT {text}", functions)
    judged(text, functions)


@settings(max_examples=400, deadline=None)
@given(st.text(alphabet=st.sampled_from("ab1._-/*#'\"`\\ \n\t(){}[]<>=!:|,;?^+%$xé\x00"), max_size=30))
def test_what_is_run_can_be_read_in_one_way(text: str) -> None:
    """A text that was split and put together again is split into the same tokens, without comments."""
    try:
        tokens = tokenize(text)
    except RefusedQueryError:
        return
    assert tokenize(join(tokens)) == tokens
    assert all(token.kind != "sign" or not token.text.startswith(("--", "/*", "#")) for token in tokens)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("a.1.2", ["a", ".", "1", ".", "2"]),
        ("1-.5", ["1", "-", ".5"]),
        ("a--b\n+1", ["a", "+", "1"]),
        ("1/*x*/2 # y\n3", ["1", "2", "3"]),
        (r"'a''b\'c' `x y` \"z\"".replace('\\"', '"'), [r"'a''b\'c'", "`x y`", '"z"']),
        (
            "x->y::Int8||{p:Array(UInt8)}",
            ["x", "->", "y", "::", "Int8", "||", "{", "p", ":", "Array", "(", "UInt8", ")", "}"],
        ),
    ],
)
def test_tokens_are_clickhouses(text: str, tokens: list[str]) -> None:
    """Text is split where ClickHouse's lexer splits it."""
    assert [token.text for token in tokenize(text)] == tokens


@pytest.mark.parametrize(
    "text", ["$$x$$", "x'41'", "B'01'", "1a", "`a\\`", "`a``b`", '"a\\n"', "/* /* */ */", "'", "é", "\x00", "//"]
)
def test_tokens_that_are_not_certain_are_refused(text: str) -> None:
    """Text that lexers may read in two ways is refused."""
    with pytest.raises(RefusedQueryError):
        tokenize(text)


ROWS = [
    ["plus", "", "Arithmetic", "1.1.0", "0"],
    ["newest", "", "Arithmetic", "99.1.0", "0"],
    ["sum", "", "Aggregate Functions", "1.1.0", "1"],
    ["rank", "", "Aggregate Functions", "", "1"],
    ["file", "", "String", "1.1.0", "0"],
    ["dictget", "", "Dictionary", "1.1.0", "0"],
    ["version", "", "Other", "1.1.0", "0"],
    ["hostname", "", "Other", "1.1.0", "0"],
    ["internal", "", "Arithmetic", "", "0"],
    ["surprise", "", "A New Category", "1.1.0", "0"],
    ["add", "plus", "", "", "0"],
    ["host", "hostname", "", "", "0"],
]


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("plus", True), ("add", True), ("sum", True), ("sumif", True), ("sumornullif", True), ("rank", True),
        ("version", True), ("decimal", True), ("newest", False), ("file", False), ("dictget", False), ("hostname", False),
        ("host", False), ("internal", False), ("surprise", False), ("unheardof", False), ("plusif", False), ("if", False),
    ],
)  # fmt: skip
def test_only_functions_that_were_judged_harmless_are_open(name: str, allowed: bool) -> None:  # noqa: FBT001
    """Functions of other categories, newer engines, and no date are refused, by whatever name."""
    functions = judge(ROWS, ["decimal"], ["if", "ornull", "null"])
    assert functions.allows(name) is allowed
    assert (name in functions.refused) is (name in {row[0] for row in ROWS} and not allowed)


def test_the_engines_own_parser_has_the_last_word(functions: Functions) -> None:
    """A statement that the guard let through is not run if the engine's parser takes it for more than reading."""

    class Suspicious(Connection):
        def __init__(self) -> None:
            """Stand in for an engine that reads the text otherwise: none that does so is known."""

        def reads_only(self, sql: str) -> bool:
            return not sql

        def query(self, *_: object) -> NoReturn:
            pytest.fail("it was run")

    query = Query(query="SELECT 1", body=b"", parameters={}, database="", default_format="CSV", revision=0, settings={})
    with pytest.raises(RefusedQueryError, match="only a single statement that reads"):
        answer(Suspicious(), query, functions=functions, database="dlr", limits=Limits())


def test_no_open_function_reaches_outside(functions: Functions) -> None:
    """Of the engine that runs here, none of the functions that are known to reach outside is open."""
    known = "file sleep sleepeachrow dictget joinget hostname fqdn getmacro showcertificate aigenerate addresstoline"
    assert not functions.allowed & set(known.split())
    assert set(known.split()) <= functions.refused


def test_a_token_names_what_it_is() -> None:
    """A quoted identifier has its name without the quotes; a keyword is never quoted."""
    assert Token("identifier", "`From`").name == "from"
    assert not Token("identifier", "`FROM`").says("FROM")
    assert Token("string", "'x'").name == ""
