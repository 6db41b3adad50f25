"""The analyst's queries in `deploy/queries`, run by `dlrhub query`."""

from pathlib import Path

import pytest

from tests.program.running import Program

QUERIES = sorted((Path(__file__).parents[2] / "deploy" / "queries").glob("*.sql"))


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """A program that has run, and holds one report."""
    with Program(tmp_path_factory.mktemp("program")) as running:
        running.callback("cm?GSM=0031612345678&REFERENCE=r1&STATUS=2")
        running.stop()
    return running


@pytest.mark.parametrize("query", QUERIES, ids=lambda path: path.stem)
def test_every_query_is_asked_as_documented(program: Program, query: Path) -> None:
    """A query can be given as the argument, even if it begins with a comment, or as a file."""
    as_argument = program.call("query", query.read_text(encoding="utf-8"), "--format", "csv")
    assert program.call("query", "--file", str(query), "--format", "csv") == as_argument
