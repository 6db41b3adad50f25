"""
The journal: the stream of a single machine, and the spill of many.

One SQLite file per writing process (WAL), so that writers never wait for one another. A row is a group of records that
were committed together; its position counts the records up to its end.

A commit is written at once and made durable without the loop waiting for it: SQLite leaves the log unsynced at a commit
(`synchronous=NORMAL`), and the journal has the kernel sync it before an append returns. What SQLite syncs itself are
its checkpoints, the log before the database, so that both stay whole.

The reader keeps its cursor in the same file; the writer takes away rows once they are drained and have aged, so the
file is bounded by what is not drained yet plus what is kept. Drained rows are kept a while because the engine behind
the store may lose what it acknowledged when the machine loses power: after a reboot the reader starts again from the
oldest row that is kept.
"""

import asyncio
import os
import sqlite3
import time
from collections.abc import Hashable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec
from cramjam import Buffer, lz4

from sinks.errors import BusyError
from sinks.group_commit import GroupCommit
from sinks.journal.datasync import Datasync
from sinks.stream import BATCH_BYTES, Batch, Record

#: A drained record is kept this long, and no more of them than this.
KEEP_SECONDS: Final = 600
KEEP_RECORDS: Final = 500_000

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS groups (position INTEGER PRIMARY KEY, appended_at REAL NOT NULL, records BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS cursor (
    one INTEGER PRIMARY KEY CHECK (one = 1), position INTEGER NOT NULL, boot TEXT NOT NULL
);
"""
_APPEND: Final = "INSERT INTO groups SELECT coalesce(max(position), 0) + ?, ?, ? FROM groups"
#: The last row is never taken away: the next one's position follows from it.
_TRIM: Final = """
DELETE FROM groups WHERE position IN (
    SELECT position FROM (SELECT position, appended_at FROM groups ORDER BY position LIMIT :most)
    WHERE position <= (SELECT position FROM cursor) AND position < (SELECT max(position) FROM groups)
      AND (appended_at < :aged OR position <= (SELECT position FROM cursor) - :keep)
)
"""
_TRIM_ROWS: Final = 2_000
_TRIM_EVERY_SECONDS: Final = 1.0
#: How long to wait for whoever holds the file's lock: long where it is opened, and in the reader's thread; the writer
#: holds up its loop, and others have the lock for a millisecond.
_BUSY_SECONDS: Final = 30.0
_WRITER_BUSY_MS: Final = 1000
_POLL_SECONDS: Final = 0.05

_to_msgpack: Final = msgspec.msgpack.Encoder().encode
_from_msgpack: Final = msgspec.msgpack.Decoder(list[Record]).decode


def _encode(group: Sequence[Record]) -> Buffer:
    """Write a group; reports resemble one another, so that what is fsynced is a seventh of them."""
    return lz4.compress_block(_to_msgpack(group))


def _decode(group: bytes) -> list[Record]:
    return _from_msgpack(lz4.decompress_block(group))


def _open(path: Path) -> sqlite3.Connection:
    """Open one journal file, made where it is missing; a commit on it survives power loss once the log is synced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    database = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=NORMAL")
    database.executescript(_SCHEMA)
    return database


class Journal:
    """The writer's side: one process, one file."""

    at_once = 1

    def __init__(self, path: Path) -> None:
        """Open (or make) the file at `path`; needs a running event loop."""
        self.path = path
        self._database = _open(path)
        self._database.execute(f"PRAGMA busy_timeout = {_WRITER_BUSY_MS}")
        self._datasync = Datasync(path.with_name(f"{path.name}-wal"))
        self._doubtful = False
        self._loop = asyncio.get_running_loop()
        self._group = GroupCommit(lambda group: self._loop.create_task(self._commit(group)))
        self._trim_at = 0.0

    async def append(self, records: Sequence[Record]) -> None:
        """Return once the records are fsynced; raises `BusyError` where they can't be (disk full)."""
        await self._group.append(records)

    async def close(self) -> None:
        """Finish what was appended, then close the file."""
        await self._group.drained()
        self._datasync.close()
        self._database.close()

    async def _commit(self, group: Sequence[Record]) -> None:
        try:
            if self._doubtful:
                self._start_log_anew()
            self._insert(group)
            await self._datasync.flush()
        except (sqlite3.Error, OSError) as error:
            self._doubtful = self._doubtful or isinstance(error, OSError)
            raise BusyError(f"journal {self.path.name}: {error}") from error

    def _start_log_anew(self) -> None:
        """
        Move all that is in the log into the database, and empty the log.

        After a sync that failed the kernel may take for written what is not, and what follows a gap in the log is lost
        with it.
        """
        (blocked, *_) = self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if blocked:
            raise sqlite3.OperationalError("a reader is in the way of the log after a failed sync")
        self._doubtful = False

    def _insert(self, group: Sequence[Record]) -> None:
        now = time.time()
        self._database.execute(_APPEND, (len(group), now, _encode(group)))
        if now >= self._trim_at:
            self._trim_at = now + _TRIM_EVERY_SECONDS
            self._trim(now)

    def _trim(self, now: float) -> None:
        """Take away some of the oldest rows, those that are drained and aged."""
        self._database.execute(_TRIM, {"most": _TRIM_ROWS, "aged": now - KEEP_SECONDS, "keep": KEEP_RECORDS})


class JournalConsumer:
    """The reader's side: every journal file of a folder, one reading process."""

    def __init__(self, folder: Path) -> None:
        """Read the journals below `folder`, those that appear later too."""
        self._folder = folder
        self._files: dict[str, _JournalFile] = {}

    async def read(self, *, most: int, most_bytes: int = BATCH_BYTES, wait_seconds: float) -> Batch:
        """
        Return up to `most` records after those read before, waiting for the first at most `wait_seconds`.

        A batch ends with the group that brings its values to `most_bytes`.
        """
        deadline = time.monotonic() + wait_seconds
        while True:
            batch = await asyncio.to_thread(self._read, most, most_bytes)
            if batch.records or time.monotonic() >= deadline:
                return batch
            await asyncio.sleep(_POLL_SECONDS)

    async def commit(self, batch: Batch) -> None:
        """Move the cursor of each file behind this batch."""
        await asyncio.to_thread(self._commit, dict(batch.positions))

    async def rewind(self) -> None:
        """Go back to the cursors."""
        for file in self._files.values():
            file.rewind()

    async def lag(self) -> int:
        """Return how many records lie behind the cursors."""
        return await asyncio.to_thread(lambda: sum(file.lag() for file in self._open_files()))

    async def close(self) -> None:
        """Close the files."""
        for file in self._files.values():
            file.close()
        self._files.clear()

    def _open_files(self) -> Iterator["_JournalFile"]:
        for path in sorted(self._folder.glob("*.db")):
            if path.name not in self._files:
                self._files[path.name] = _JournalFile(path)
            yield self._files[path.name]

    def _read(self, most: int, most_bytes: int) -> Batch:
        records: list[Record] = []
        positions: dict[Hashable, int] = {}
        for file in self._open_files():
            size = sum(len(record.value) for record in records)
            found = file.read(most - len(records), most_bytes - size)
            if found:
                records.extend(found)
                positions[file.name] = file.position
        return Batch(records, positions)

    def _commit(self, positions: dict[Hashable, int]) -> None:
        for name, position in positions.items():
            self._files[str(name)].commit(position)


def lag(root: Path) -> int:
    """Return how many records were acknowledged and are not drained; any process may ask, at any time."""
    files = [_JournalFile(path) for path in root.glob("*.db")]
    try:
        return sum(file.lag() for file in files)
    finally:
        for file in files:
            file.close()


class _JournalFile:
    """One journal file as its reader sees it."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self._database = _open(path)
        self._boot = _boot()
        self.position = 0
        self.rewind()

    def rewind(self) -> None:
        row = self._database.execute("SELECT position, boot FROM cursor").fetchone()
        self.position = row[0] if row and row[1] == self._boot else 0

    def read(self, most: int, most_bytes: int) -> list[Record]:
        """Return whole groups, as many as it takes to have `most` records or `most_bytes` of values."""
        records: list[Record] = []
        size = 0
        if most <= 0 or most_bytes <= 0:
            return records
        rows = self._database.execute(
            "SELECT position, records FROM groups WHERE position > ? ORDER BY position", (self.position,)
        )
        for position, group in rows:
            found = _decode(group)
            records.extend(found)
            size += sum(len(record.value) for record in found)
            self.position = position
            if len(records) >= most or size >= most_bytes:
                break
        rows.close()
        return records

    def commit(self, position: int) -> None:
        self._database.execute(
            "INSERT INTO cursor VALUES (1, ?, ?) ON CONFLICT DO UPDATE SET position = excluded.position, boot = excluded.boot",
            (position, self._boot),
        )

    def lag(self) -> int:
        cursor = self._database.execute("SELECT position FROM cursor").fetchone()
        return max(0, _last_position(self._database) - (cursor[0] if cursor else 0))

    def close(self) -> None:
        self._database.close()


def _last_position(database: sqlite3.Connection) -> int:
    (position,) = database.execute("SELECT coalesce(max(position), 0) FROM groups").fetchone()
    return int(position)


def _boot() -> str:
    """Tell one start of the machine from another; where that can't be told, all starts are one."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return os.uname().nodename
