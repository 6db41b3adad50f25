"""Erases a number from the pollers' state: from answers that are not in the stream yet, and from their positions."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from ingest.erasure.redaction import redacted_bytes
from sinks.errors import BusyError

_LOCK_SECONDS: Final = 30.0


async def erase_from_poll_state(path: Path, number: str) -> int:
    """Erase a number from the file at `path`, and return how many entries changed; raises `BusyError`."""
    try:
        return await asyncio.to_thread(_erase, path, number)
    except sqlite3.Error as error:
        raise BusyError(f"poll state: {error}") from error


def _erase(path: Path, number: str) -> int:
    if not path.exists():
        return 0
    with closing(sqlite3.connect(path, isolation_level=None, timeout=_LOCK_SECONDS)) as database:
        database.execute("PRAGMA secure_delete = ON")
        database.execute("BEGIN IMMEDIATE")
        changed = 0
        for answer_id, body in database.execute("SELECT id, body FROM answers").fetchall():
            redacted = redacted_bytes(body, number)
            if redacted != body:
                database.execute("UPDATE answers SET body = ? WHERE id = ?", (redacted, answer_id))
                changed += 1
        for provider, account, tick in database.execute("SELECT provider, account, tick FROM ticks").fetchall():
            if redacted_bytes(tick.encode(), number) != tick.encode():
                database.execute("DELETE FROM ticks WHERE provider = ? AND account = ?", (provider, account))
                changed += 1
        database.execute("COMMIT")
        database.execute("VACUUM")
        return changed
