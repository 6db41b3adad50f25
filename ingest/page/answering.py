"""The answers to saved questions, as the page shows them: columns, rows, and the SQL to take along. Numbers are masked."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import orjson

from ingest.connections.clickhouse import StoreClient
from ingest.page.period import Period
from ingest.page.questions import SavedQuestion, read_questions
from ingest.page.rows import masked_value


class Questions:
    """Asks the saved questions, and masks the answers unless told otherwise."""

    def __init__(self, *, show_numbers: bool) -> None:
        """Read the saved questions."""
        self._questions = read_questions()
        self._show_numbers = show_numbers

    def find(self, name: str) -> SavedQuestion | None:
        """Return the question of that name, None if there is none."""
        return self._questions.get(name)

    def titles(self) -> Mapping[str, Any]:
        """Return every question with its note, without its SQL."""
        fields = ("name", "question", "note")
        return {"questions": [{name: getattr(each, name) for name in fields} for each in self._questions.values()]}

    async def ask(self, store: StoreClient, question: SavedQuestion, period: Period) -> Mapping[str, Any]:
        """Return the answer over a period; raises `StoreError`."""
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
        return [
            masked_value(name, value, recipient, show_numbers=self._show_numbers) if "String" in kind else value
            for name, kind, value in cells
        ]
