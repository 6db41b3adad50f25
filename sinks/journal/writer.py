"""
The writer's side of the journal: a folder of segments that one process appends to.

A group of records is one write and one fdatasync, in a thread, so that the event loop never waits for the disk. Groups
are written one at a time. (Linux AIO's fdsync instead of the thread made no difference in a receiver under full load: 79
against 81 microseconds of processor time a request, and a p99 of 12.1 against 11.4 ms.)

Only the process that made a segment writes to it; a restart begins a new one. After a failed write or sync the segment is
truncated and closed, its failed positions are never used again, and the next append begins a new segment: the kernel
reports pages that it could not write only once, so a second sync of the same file could succeed without them.
"""

import asyncio
import errno
import fcntl
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

from sinks.errors import BusyError
from sinks.group_commit import GroupCommit
from sinks.journal.positions import (
    ACKNOWLEDGED,
    Mark,
    is_gone,
    make_cursor,
    read_cursor,
    read_mark,
    sync_folder,
    write_all,
    write_mark,
)
from sinks.journal.segment import Segment, SegmentFile, has_group, segments_in
from sinks.stream import Record

#: A segment is closed at this size or age, also without further records, since the reader deletes whole segments.
SEGMENT_BYTES: Final = 16 * 1024 * 1024
SEGMENT_SECONDS: Final = 60.0
#: Nothing is acknowledged while the disk has less free space than this, or, if the disk is small, than this share: the
#: store needs some space to work and to free more.
LEAST_FREE_BYTES: Final = 64 * 1024 * 1024
LEAST_FREE_SHARE: Final = 0.1

_Made = TypeVar("_Made")


class Journal:
    """Appends to the journal in one folder."""

    at_once = 1

    def __init__(
        self,
        folder: Path,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        segment_seconds: float = SEGMENT_SECONDS,
        least_free_bytes: int = LEAST_FREE_BYTES,
        least_free_share: float = LEAST_FREE_SHARE,
    ) -> None:
        """Open or make the journal in `folder`; on a full disk, the next append tries again. Needs an event loop."""
        self.folder = folder
        self._segment_bytes = segment_bytes
        self._segment_seconds = segment_seconds
        self._least_free = (least_free_bytes, least_free_share)
        self._loop = asyncio.get_running_loop()
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._group = GroupCommit(lambda group: self._loop.create_task(self._commit(group)))
        self._mark_file: int | None = None
        self._segment: _OpenSegment | None = None
        self._acknowledged = self._last = 0
        self._closing: asyncio.TimerHandle | None = None
        with suppress(OSError):
            self._open()

    async def append(self, records: Sequence[Record]) -> None:
        """Return once the records are synced; raises `BusyError` if they can't be."""
        await self._group.append(records)

    async def close(self) -> None:
        """Finish the appends in progress, then close the files."""
        await self._group.drained()
        self._leave_segment()
        self._disk.shutdown()
        if self._mark_file is not None:
            os.close(self._mark_file)

    async def _commit(self, group: Sequence[Record]) -> None:
        try:
            segment = await self._ready_segment()
            before, self._last = self._last, self._last + len(group)
            await self._in_thread(segment.append, segment.encode(before, group))
            self._acknowledged = self._last
            self._write_mark(segment.first)
        except Exception as error:
            self._leave_segment()
            if isinstance(error, OSError):
                raise BusyError(f"journal {self.folder.name}: {error.strerror or error}") from error
            raise

    async def _ready_segment(self) -> "_OpenSegment":
        """Return the segment for the next group, a new one if that is due."""
        if self._mark_file is not None and is_gone(self._mark_file, self.folder / ACKNOWLEDGED):
            self._leave_segment()
            os.close(self._mark_file)
            self._mark_file = None
        if self._mark_file is None:
            await self._in_thread(self._open)
        if lack := lack_of_room(self.folder, *self._least_free):
            raise OSError(errno.ENOSPC, lack)
        if self._segment is None or self._segment.is_due(self._segment_bytes, self._segment_seconds):
            self._leave_segment()
            self._segment = await self._in_thread(self._make_segment)
            self._closing = self._loop.call_later(self._segment_seconds, self._close_idle_segment)
        return self._segment

    def _in_thread(self, work: Callable[..., _Made], *given: bytes) -> Awaitable[_Made]:
        return self._loop.run_in_executor(self._disk, work, *given)

    def _make_segment(self) -> "_OpenSegment":
        segment = Segment.create(self.folder, self._last + 1)
        # before the file exists, because the reader deletes segments that are not marked as open
        self._write_mark(segment.first)
        return _OpenSegment(segment, self._acknowledged)

    def _close_idle_segment(self) -> None:
        if self._group.busy:
            self._closing = self._loop.call_later(1, self._close_idle_segment)
        else:
            self._leave_segment()

    def _leave_segment(self) -> None:
        if self._closing is not None:
            self._closing.cancel()
        segment, self._segment = self._segment, None
        if segment is not None:
            segment.close()
            with suppress(OSError):
                self._write_mark(0)

    def _write_mark(self, open_segment: int) -> None:
        if self._mark_file is not None:
            write_mark(self._mark_file, Mark(self._acknowledged, open_segment))

    def _open(self) -> None:
        """Lock the journal, and continue after the highest position in any of its files; raises `OSError`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        mark_file = os.open(self.folder / ACKNOWLEDGED, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock(mark_file)
            mark, cursor = read_mark(self.folder), read_cursor(self.folder)
            segment = next(filter(has_group, reversed(segments_in(self.folder))), None)
            if mark is None and cursor is None and segment is None:
                make_cursor(self.folder)
            self._acknowledged = max(_synced_end(segment) if segment else 0, mark.position if mark else 0)
            self._last = max(self._acknowledged, cursor.position if cursor else 0, segment.first if segment else 0)
            write_mark(mark_file, Mark(self._acknowledged, 0))
            os.fdatasync(mark_file)
            for folder in (self.folder, *list(self.folder.parents)[:2]):
                sync_folder(folder)
        except OSError:
            os.close(mark_file)
            raise
        self._mark_file = mark_file


def lack_of_room(
    folder: Path, least_free_bytes: int = LEAST_FREE_BYTES, least_free_share: float = LEAST_FREE_SHARE
) -> str:
    """Return a message if a folder's disk has too little free space to acknowledge anything; else an empty text."""
    found = os.statvfs(folder)
    least = min(least_free_bytes, int(found.f_blocks * found.f_frsize * least_free_share))
    free = found.f_bavail * found.f_frsize
    return f"{free >> 20} MiB of the disk are free, and {least >> 20} are needed" if free < least else ""


class _OpenSegment:
    """The segment that is written to."""

    def __init__(self, segment: Segment, acknowledged: int) -> None:
        """Create the file durably; raises `OSError`."""
        self.first = segment.first
        self._segment = segment
        self._begun_at = time.monotonic()
        self._file = os.open(segment.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._end = 0
        try:
            self.append(segment.opening(acknowledged, time.time()))
            sync_folder(segment.path.parent)
        except OSError:
            os.close(self._file)
            segment.path.unlink(missing_ok=True)
            raise

    def encode(self, before: int, records: Sequence[Record]) -> bytes:
        """Return the bytes of a group of records at the positions after `before`."""
        return self._segment.encode(before, records, time.time())

    def append(self, group: bytes) -> None:
        """Write a group and sync it; after an `OSError` the segment has to be closed."""
        write_all(self._file, group, self._end)
        os.fdatasync(self._file)
        self._end += len(group)
        if os.fstat(self._file).st_size != self._end or is_gone(self._file, self._segment.path):
            raise OSError(errno.EIO, "the segment was changed, moved or deleted by something else")

    def is_due(self, most_bytes: int, most_seconds: float) -> bool:
        """Tell whether the next group goes to another segment."""
        return self._end >= most_bytes or time.monotonic() - self._begun_at >= most_seconds

    def close(self) -> None:
        """Try to cut off bytes that were not acknowledged, and close the file."""
        with suppress(OSError):
            os.ftruncate(self._file, self._end)
        os.close(self._file)


def _synced_end(segment: Segment) -> int:
    """Sync a segment, and return its last readable position; raises `OSError`."""
    with SegmentFile(segment) as file:
        with suppress(OSError):  # records that the disk refused were not acknowledged
            file.sync()
        return file.end()


def _lock(file: int) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise BlockingIOError(error.errno, "another process writes to it") from None
