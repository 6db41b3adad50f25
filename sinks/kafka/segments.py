"""
The spill on disk: journals in a folder, each held by one process.

A segment is a folder with a journal in it and a lock that its holder keeps until it dies; it is deleted once it has
been read to its end. What a dead process left, whoever looks next takes over.
"""

import fcntl
import os
import shutil
import sqlite3
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Final, Self

from sinks.errors import BusyError
from sinks.journal.journal import Journal, JournalConsumer
from sinks.stream import Batch, Record

#: A segment is closed after this many records, so that a long spill gives its space back piece by piece.
SEGMENT_RECORDS: Final = 200_000

_JOURNAL: Final = "records.db"
_LOCK: Final = "lock"


class Segment:
    """One segment, held by this process."""

    def __init__(self, folder: Path, lock: IO[bytes], journal: Journal | None = None) -> None:
        """Hold the journal in `folder` through `lock`; `journal` is its writer, where it is written to."""
        self.folder = folder
        #: How many records Kafka has not confirmed yet.
        self.left = 0
        self._lock = lock
        self._journal = journal
        self._consumer = JournalConsumer(folder)

    @classmethod
    def create(cls, parent: Path) -> Self:
        """Make a segment to write to; raises `BusyError` where that can't be done."""
        folder = parent / f"{time.time_ns()}-{os.getpid()}"
        with ExitStack() as undo:
            undo.callback(shutil.rmtree, folder, ignore_errors=True)
            try:
                folder.mkdir(parents=True)
                lock = undo.enter_context(_locked(folder))
                journal = Journal(folder / _JOURNAL)
            except (OSError, sqlite3.Error) as error:
                raise BusyError(f"spill: {error}") from error
            undo.pop_all()
        return cls(folder, lock, journal)

    @classmethod
    async def take_over(cls, folder: Path) -> Self | None:
        """Hold a segment that was left behind; None where its process lives, or it is gone."""
        try:
            lock = _locked(folder)
        except OSError:
            return None
        if not (folder / _JOURNAL).exists():
            lock.close()
            return None
        segment = cls(folder, lock)
        segment.left = await segment._consumer.lag()
        return segment

    @property
    def since(self) -> float:
        """When it was made, before its oldest record was written, in seconds since 1970."""
        return int(self.folder.name.partition("-")[0]) / 1e9

    async def append(self, records: Sequence[Record]) -> None:
        """Return once the records are fsynced; raises `BusyError` where they can't be."""
        if self._journal is None:
            raise BusyError("spill: not a segment to write to")
        self.left += len(records)
        try:
            await self._journal.append(records)
        except BusyError:
            self.left -= len(records)
            raise

    async def read(self, most: int) -> Batch:
        """Return what follows, in the order in which it was written: `most` records or more, where there are."""
        return await self._consumer.read(most=most, wait_seconds=0)

    async def commit(self, batch: Batch) -> None:
        """Remember that Kafka has this batch."""
        self.left -= len(batch.records)
        with suppress(sqlite3.Error):  # a full disk: what can't be remembered is only published again
            await self._consumer.commit(batch)

    async def rewind(self) -> None:
        """Go back to what Kafka has."""
        await self._consumer.rewind()

    async def close(self) -> None:
        """Let go of it; it is deleted where nothing is left in it."""
        if self._journal is not None:
            await self._journal.close()
        await self._consumer.close()
        if self.left <= 0:
            shutil.rmtree(self.folder, ignore_errors=True)
        self._lock.close()


class Segments:
    """Every segment that this process holds, and the one that it writes to; one append at a time."""

    def __init__(self, folder: Path) -> None:
        """Keep segments below `folder`."""
        self._folder = folder
        self._current: Segment | None = None
        self._held: list[Segment] = []
        self._written = 0

    async def try_out(self) -> None:
        """Raise `BusyError` where nothing can be written."""
        await Segment.create(self._folder).close()

    async def append(self, records: Sequence[Record]) -> None:
        """Return once the records are fsynced; raises `BusyError` where they can't be."""
        if self._current is None or self._written >= SEGMENT_RECORDS:
            self._current = Segment.create(self._folder)
            self._held.append(self._current)
            self._written = 0
        self._written += len(records)
        await self._current.append(records)

    async def take_over(self) -> None:
        """Hold the segments that nobody holds any more, too."""
        held = {segment.folder for segment in self._held}
        for journal in self._folder.glob(f"*/{_JOURNAL}"):
            if journal.parent not in held and (segment := await Segment.take_over(journal.parent)):
                self._held.append(segment)
        self._held.sort(key=lambda segment: segment.since)

    def held(self) -> Sequence[Segment]:
        """Return the segments, the oldest first."""
        return tuple(self._held)

    async def retire(self, segment: Segment) -> None:
        """Delete a segment in which nothing is left."""
        if segment.left > 0:
            return
        if segment is self._current:
            self._current = None
        self._held.remove(segment)
        await segment.close()

    def depth(self) -> tuple[int, float]:
        """Return how many records are left, and for how many seconds the oldest may have waited."""
        left = [segment for segment in self._held if segment.left > 0]
        now = time.time()
        return sum(segment.left for segment in left), max((now - segment.since for segment in left), default=0.0)

    async def close(self) -> None:
        """Let go of every segment; what is left in one is taken over by whoever looks next."""
        while self._held:
            await self._held.pop().close()


def _locked(folder: Path) -> IO[bytes]:
    """Lock a segment's folder; raises BlockingIOError where it is held, and other OSErrors where it is gone."""
    lock = (folder / _LOCK).open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise
    return lock
