"""
Keeps the poller's state in a small SQLite file: each account's last tick, and answers that are not in the stream yet.

A provider may hand over an answer only once, so it is saved (fsynced) before it is parsed.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

import orjson

from sinks.clickhouse.pending import Position
from sinks.errors import BusyError

_T = TypeVar("_T")

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS answers (
    id INTEGER PRIMARY KEY AUTOINCREMENT, provider TEXT NOT NULL, account TEXT NOT NULL, question TEXT NOT NULL,
    received_at TEXT NOT NULL, body BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS ticks (
    provider TEXT NOT NULL, account TEXT NOT NULL, tick TEXT NOT NULL, PRIMARY KEY (provider, account)
);
"""


class Tick(NamedTuple):
    """
    One round of questions, about the messages that reached an age between `after` and `until` (seconds since 1970).

    `end` is the end of the window that is being read, and `position` how far it was read; both are None at first.
    """

    after: float
    until: float
    end: int | None = None
    position: Position | None = None


class SavedAnswer(NamedTuple):
    """An answer that is not in the stream yet."""

    id: int
    question: str
    received_at: datetime
    body: bytes


class PollState:
    """The file at `path`. Every call returns once its change is durable, or raises `BusyError` if the disk fails."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode=DELETE")  # `dlrhub forget` may write to the file as well
        self._database.execute("PRAGMA secure_delete=ON")
        self._database.execute("PRAGMA synchronous=FULL")
        self._database.executescript(_SCHEMA)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="poll-state")

    async def save_answer(self, provider: str, account: str, question: str, received_at: datetime, body: bytes) -> int:
        """Save an answer, and return its id."""
        row = (provider, account, question, received_at.isoformat(), body)
        sql = "INSERT INTO answers (provider, account, question, received_at, body) VALUES (?, ?, ?, ?, ?)"
        return await self._run(lambda: int(self._database.execute(sql, row).lastrowid or 0))

    async def oldest_answer(self, provider: str, account: str) -> SavedAnswer | None:
        """Return the oldest saved answer of an account, or None."""
        where = "WHERE provider = ? AND account = ? ORDER BY id LIMIT 1"
        sql = f"SELECT id, question, received_at, body FROM answers {where}"  # noqa: S608 - only constants
        found = await self._run(lambda: self._database.execute(sql, (provider, account)).fetchone())
        return None if found is None else SavedAnswer(found[0], found[1], datetime.fromisoformat(found[2]), found[3])

    async def delete_answer(self, answer_id: int) -> None:
        """Delete an answer whose records are in the stream."""
        await self._run(lambda: self._database.execute("DELETE FROM answers WHERE id = ?", (answer_id,)))

    async def tick(self, provider: str, account: str) -> Tick | None:
        """Return an account's last tick."""
        sql = "SELECT tick FROM ticks WHERE provider = ? AND account = ?"
        found = await self._run(lambda: self._database.execute(sql, (provider, account)).fetchone())
        if found is None:
            return None
        after, until, end, position = orjson.loads(found[0])
        return Tick(after, until, end, None if position is None else Position(*position))

    async def save_tick(self, provider: str, account: str, tick: Tick) -> None:
        """Save an account's last tick."""
        position = None if tick.position is None else list(tick.position)
        row = (provider, account, orjson.dumps([tick.after, tick.until, tick.end, position]).decode())
        await self._run(lambda: self._database.execute("REPLACE INTO ticks VALUES (?, ?, ?)", row))

    def close(self) -> None:
        """Finish the write in progress, then close the file."""
        self._thread.shutdown()
        self._database.close()

    async def _run(self, work: Callable[[], _T]) -> _T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except sqlite3.Error as error:
            raise BusyError(f"poll state: {error}") from error
