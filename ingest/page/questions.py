"""
Runs the saved questions, the SQL files of `deploy/queries/`, over the range that the page shows.

A file runs unchanged in any client. It begins with a comment: the question, and in parentheses its default range and a
note. A second comment may name the columns to plot. The SQL has two lines in a WITH clause, `... AS since` and
`... AS until`, in which the page puts its own range.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final

import orjson
from aiohttp import web

from ingest.connections.clickhouse import StoreClient
from ingest.page.parameters import QuestionParameters
from ingest.page.period import Period
from ingest.page.rows import Mask

#: The folders of the saved questions: in an installed package, and in a clone of the repository.
_INSTALLED: Final = files("ingest.page") / "saved_questions"
_CLONED: Final = Path(__file__).parents[2] / "deploy" / "queries"

_TITLE: Final = re.compile(r"-- (?P<question>[^?]+\?) \((?P<range>last [^;]+)(?:; (?P<note>.+))?\)$", re.MULTILINE)
_PLOT: Final = re.compile(r"^-- plot: (?P<axes>.+)$", re.MULTILINE)
_TIMES: Final = (("since", re.compile(r"^    .+ AS since,$", re.MULTILINE)),
                 ("until", re.compile(r"^    .+ AS until(?P<comma>,?)$", re.MULTILINE)))  # fmt: skip
#: The name of the database in the files; the settings may name another one.
_DATABASE: Final = "dlr"


@dataclass(frozen=True, slots=True)
class SavedQuestion:
    """One question; `plot` names the columns of the x axis, the y axis and, if there are several lines, the series."""

    name: str
    question: str
    note: str
    plot: Mapping[str, str]
    sql: str

    def over(self, period: Period, database: str) -> str:
        """Return the SQL for a period and a database."""
        sql = self.sql
        until = -(-period.until // 1000)  # rounded up: the reports of this second belong to it
        for (name, line), at in zip(_TIMES, (period.since // 1000, until), strict=True):
            moment = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")
            comma = "," if name == "since" else r"\g<comma>"
            sql = line.sub(rf"    toDateTime('{moment}', 'UTC') AS {name}{comma}", sql)
        return re.sub(rf"\b{_DATABASE}\.", f"{database}.", sql)


class Questions:
    """Asks the saved questions, and masks phone numbers in the answers."""

    def __init__(self, mask: Mask) -> None:
        self._questions = read_questions()
        self._mask = mask

    def titles(self) -> Mapping[str, Any]:
        """Return every question with its note, without its SQL."""
        fields = ("name", "question", "note")
        return {"questions": [{name: getattr(each, name) for name in fields} for each in self._questions.values()]}

    async def ask(self, store: StoreClient, asked: QuestionParameters) -> Mapping[str, Any]:
        """Return a question's columns and rows, and its SQL; raises `HTTPNotFound` and `StoreError`."""
        question, period = self._questions.get(asked.name), asked.period
        if question is None:
            raise web.HTTPNotFound(text="there is no such question")
        sql = question.over(period, store.database)
        answer = orjson.loads(await store.query(sql, "JSONCompact"))
        columns = [(column["name"], column["type"]) for column in answer["meta"]]
        return {
            **asdict(question),
            "sql": sql,
            "as_of": period.until / 1000,
            "columns": [{"name": name, "type": kind} for name, kind in columns],
            "rows": [self.masked(columns, row) for row in answer["data"]],
        }

    def masked(self, columns: Sequence[tuple[str, str]], row: Sequence[Any]) -> Sequence[Any]:
        """Return a row's cells with phone numbers masked in all text; `columns` are names and types."""
        cells = [(name, kind, value) for (name, kind), value in zip(columns, row, strict=True)]
        recipient = str(next((value for name, _, value in cells if name == "recipient"), ""))
        return [self._mask.value(name, value, recipient) if "String" in kind else value for name, kind, value in cells]


def read_questions() -> Mapping[str, SavedQuestion]:
    """Return the saved questions by the names of their files."""
    folder: Traversable = _INSTALLED if _INSTALLED.is_dir() else _CLONED
    found = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    return {
        name: read_question(name, file.read_text(encoding="utf-8"))
        for name, file in ((file.name.removesuffix(".sql"), file) for file in found)
    }


def read_question(name: str, text: str) -> SavedQuestion:
    """Read a file; raises ValueError if it does not have the shape that this module describes."""
    title, plot = _TITLE.match(text), _PLOT.search(text)
    if title is None or any(len(line.findall(text)) != 1 for _, line in _TIMES):
        raise ValueError(f"{name}.sql: begin with the question as a comment, and name the time as since and until")
    axes = dict(axis.split("=") for axis in plot["axes"].split()) if plot else {}
    return SavedQuestion(name, title["question"], title["note"] or "", axes, text)
