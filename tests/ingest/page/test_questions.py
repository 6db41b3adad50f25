"""The saved questions: their files, the range that is put into them, and the masked answers."""

import re
from pathlib import Path

import orjson
import pytest

from ingest.page.period import Period
from ingest.page.questions import Questions, read_question, read_questions
from ingest.page.rows import Mask
from tests.program.running import Program

_FOLDER = Path(__file__).parents[3] / "deploy" / "queries"
_SQL = "-- How many? (last 30 days; a note)\nWITH\n    now() - INTERVAL 30 DAY AS since,\n    now() AS until\nSELECT 1 FROM dlr.reports\n"


def test_every_file_is_a_question() -> None:
    """The page offers every file of `deploy/queries/`; those with a plot name columns that their SQL has."""
    questions = read_questions()
    assert set(questions) == {path.stem for path in _FOLDER.glob("*.sql")}
    for question in questions.values():
        assert set(question.plot) <= {"x", "y", "series"}
        assert all(re.search(rf"\b{column}\b", question.sql) for column in question.plot.values())


def test_the_range_takes_the_place_of_the_files_own() -> None:
    """Since and until become the range that is looked at, in UTC, and the database is that of the settings."""
    sql = read_question("q", _SQL).over(Period("1h", 1_790_000_000_000), "other")
    assert "\n    toDateTime('2026-09-21 13:13:20', 'UTC') AS since,\n" in sql
    assert "\n    toDateTime('2026-09-21 14:13:20', 'UTC') AS until\n" in sql
    assert sql.endswith("FROM other.reports\n")


def test_more_may_follow_the_range() -> None:
    """A query that has more in its WITH clause after the range keeps it."""
    sql = read_question("q", _SQL.replace("AS until\n", "AS until,\n    1 AS one\n")).over(Period("1h", 0), "dlr")
    assert "'UTC') AS until,\n    1 AS one\n" in sql


@pytest.mark.parametrize("text", [_SQL.replace("?", ""), _SQL.replace("AS since", "AS start"), f"\n{_SQL}"])
def test_a_file_of_another_shape_is_refused(text: str) -> None:
    """A file without its question or its range raises ValueError."""
    with pytest.raises(ValueError, match=r"q\.sql: begin with the question"):
        read_question("q", text)


@pytest.mark.parametrize("name", sorted(path.stem for path in _FOLDER.glob("*.sql")))
def test_every_question_is_answered(program: Program, name: str) -> None:
    """Every question runs over a range through the page, and the columns that it plots are in its answer."""
    status, body = program.get(program.admin, f"/api/questions/{name}?range=24h")
    assert status == 200, body
    answer = orjson.loads(body)
    columns = {column["name"] for column in answer["columns"]}
    assert set(answer["plot"].values()) <= columns
    assert "AS since" in answer["sql"]
    assert all(len(row) == len(columns) for row in answer["rows"])


def test_answers_count_what_was_received(program: Program) -> None:
    """The failures of the last day are those that were posted."""
    answer = orjson.loads(program.get(program.admin, "/api/questions/failure_reasons?range=24h")[1])
    rows = [dict(zip((column["name"] for column in answer["columns"]), row, strict=True)) for row in answer["rows"]]
    assert [(row["provider"], row["reason"], row["failed"]) for row in rows] == [("juhe", "blocklisted", 700)]


def test_there_is_no_other_question(program: Program) -> None:
    """An unknown question is answered 404, and an unknown range 400."""
    assert program.get(program.admin, "/api/questions/nothing")[0] == 404
    assert program.get(program.admin, "/api/questions/orphans?range=1y")[0] == 400


def test_numbers_in_an_answer_are_masked() -> None:
    """A recipient keeps its country code and two digits; an id that holds the number, and any other text, hides it."""
    questions = Questions(Mask(show_numbers=False))
    columns = [("recipient", "String"), ("message_id", "String"), ("some", "Array(String)"), ("failed", "UInt64")]
    row = ["+447911123456", "sms-447911123456", ["call 07911 123456"], 12345678]
    assert questions.masked(columns, row) == ["+44••••••••56", "sms-••••••••••56", ["call ••••• ••••56"], 12345678]
    assert Questions(Mask(show_numbers=True)).masked(columns, row) == row
