"""
The reader's side of the journal: one process reads a journal, moves its cursor, and deletes finished segments.

Segments are kept for a while after their records were inserted, because the embedded store may lose acknowledged rows
when the machine loses power: after a reboot the reader begins again with the oldest segment.

Positions have no gaps, and the position of the last acknowledged record is known from the next segment, or, for the last
segment, from the writer's mark. Unreadable bytes before it are damage, and are set aside. Bytes after it are a group that
was being written when the writer died, and are ignored.
"""

import fcntl
import logging
import os
import time
from contextlib import suppress
from itertools import zip_longest
from pathlib import Path
from typing import Final, Self

import msgspec
from cramjam import DecompressionError

from sinks.journal.damage import Damage, move_aside, set_aside
from sinks.journal.positions import (
    ACKNOWLEDGED,
    CURSOR,
    Cursor,
    Mark,
    is_gone,
    read_cursor,
    read_mark,
    write_cursor,
)
from sinks.journal.segment import Group, Segment, SegmentFile, segments_in
from sinks.stream import Record

#: Drained records are kept this long, and no more of them than this.
KEEP_SECONDS: Final = 600.0
KEEP_RECORDS: Final = 500_000

_log: Final = logging.getLogger(__name__)
_OURS: Final = frozenset({ACKNOWLEDGED, CURSOR})


class JournalReader:
    """Reads the journal in one folder; every method may raise `OSError`."""

    def __init__(self, folder: Path, lock: int, *, keep_seconds: float, boot: str) -> None:
        """Read from the cursor on, or, after a reboot, from the oldest segment; use `open`, which takes the lock."""
        cursor = read_cursor(folder)
        self.folder = folder
        self._lock = lock
        self._sound: set[Segment] = set()
        #: Everything up to here is drained.
        self.committed = cursor.position if cursor else self._deleted()
        self._cursor: int | None = None
        self._keep_seconds = keep_seconds
        self._boot = boot
        self._rereading = cursor is not None and keep_seconds > 0 and cursor.boot != boot
        if cursor is None:
            with suppress(OSError):  # a full disk
                self._write_cursor(self.committed)
        self._file: SegmentFile | None = None
        self._next_byte = 0
        self._last_read_at: float | None = None
        self.position = self._handed_out = 0 if self._rereading else self.committed
        self._set_foreign_files_aside()

    @classmethod
    def open(cls, folder: Path, *, keep_seconds: float = KEEP_SECONDS, boot: str = "") -> Self | None:
        """Take a journal to read it; None if another process reads it, or it is gone."""
        try:
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except OSError:
            return None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return cls(folder, lock, keep_seconds=keep_seconds, boot=boot or boot_id())
        except BlockingIOError:
            os.close(lock)
            return None

    def read(self, most: int, most_bytes: int) -> list[Record]:
        """Return up to `most` records after those read before, up to the one that brings values to `most_bytes`."""
        mark = read_mark(self.folder)  # read before the files, so that they have all records that it counts
        segments = self._segments()
        self._forget_replaced_file()
        records: list[Record] = []
        while most > len(records) and most_bytes > 0 and (group := self._next_group(segments, mark)):
            for record in self._decoded(group)[self.position - group.before :]:
                self.position += 1
                if record:
                    records.append(record)
                    most_bytes -= len(record.value)
                if len(records) == most or most_bytes <= 0:
                    break
            if self.position == group.last:
                self._next_byte = group.end
        if records:
            self._handed_out = self.position
        elif self._handed_out <= self.committed < self.position:  # nothing but lost records lies between
            self.commit(self.position)
        return records

    def commit(self, position: int) -> None:
        """Remember durably that everything up to this position is drained."""
        if position >= self.committed:
            self._write_cursor(position)
            self.committed = position
            self._rereading = False

    def _write_cursor(self, position: int) -> None:
        if self._cursor is not None and is_gone(self._cursor, self.folder / CURSOR):
            os.close(self._cursor)
            self._cursor = None
        if self._cursor is None:  # it is never made in another folder that took the place of this one
            self._cursor = os.open(CURSOR, os.O_RDWR | os.O_CREAT, 0o600, dir_fd=self._lock)
            os.fsync(self._lock)
        write_cursor(self._cursor, Cursor(position, self._boot))

    def rewind(self) -> None:
        """Go back to the committed position."""
        self._leave_file()
        self.position = self._handed_out = 0 if self._rereading else self.committed

    def trim(self) -> None:
        """Delete the segments that are drained, aged, and no longer written to."""
        if self._cursor is not None and is_gone(self._cursor, self.folder / CURSOR):
            self._write_cursor(self.committed)
        if self._rereading:
            return
        segments = self._segments()
        mark = read_mark(self.folder)
        if mark is None:
            return
        for segment, following in zip_longest(segments, segments[1:]):
            last = following.first - 1 if following else mark.position
            if last <= self.committed and self._is_aged(segment, last) and not is_open(segment):
                segment.path.unlink(missing_ok=True)

    def waiting(self) -> int:
        """Return how many records were acknowledged and are not drained."""
        mark = read_mark(self.folder)
        return max(0, mark.position - self.committed) if mark else 0

    def waiting_since(self) -> float | None:
        """Return when the oldest segment with undrained records was last written to; None if there is none."""
        if not self.waiting():
            return None
        behind = [segment for segment in self._segments() if segment.first <= self.committed + 1]
        return behind[-1].path.stat().st_mtime if behind else None

    def is_gone(self) -> bool:
        """Tell whether the folder was deleted, moved, or replaced by another."""
        return is_gone(self._lock, self.folder)

    def close(self) -> None:
        """Close the files, and release the lock."""
        self._leave_file()
        for file in (self._lock, self._cursor):
            if file is not None:
                os.close(file)

    def _next_group(self, segments: list[Segment], mark: Mark | None) -> Group | None:
        """Return the next group that has a record after `position`; unreadable bytes before it are set aside."""
        index = self._index(segments)
        while index < len(segments):
            file = self._opened(segments[index])
            following = segments[index + 1] if index + 1 < len(segments) else None
            while group := file.group_at(self._next_byte) or self._group_after_damage(file, following, mark):
                self._last_read_at = group.written_at
                if group.last > self.position:
                    return group
                self._next_byte = group.end
            if following is None:
                return None
            index += 1
        if mark is not None:
            self._lose(mark.position, file=None)
        return None

    def _index(self, segments: list[Segment]) -> int:
        """Return the index of the open segment, or of the one that has the record after `position`."""
        if self._file is not None and self._file.segment in segments:
            return segments.index(self._file.segment)
        return max(0, sum(segment.first <= self.position + 1 for segment in segments) - 1)

    def _opened(self, segment: Segment) -> SegmentFile:
        if self._file is None or self._file.segment != segment:
            self._leave_file()
            self._file = SegmentFile(segment)
            self._lose(acknowledged_before(self._file), file=None)
            self.position = max(self.position, segment.first - 1)
        return self._file

    def _group_after_damage(self, file: SegmentFile, following: Segment | None, mark: Mark | None) -> Group | None:
        """Return the group after unreadable bytes; None if no acknowledged record follows."""
        if following is not None:
            with SegmentFile(following) as opened:
                end = acknowledged_before(opened)
        else:
            end = mark.position if mark else 0
        if self.position >= end:
            return None
        group = file.search(self._next_byte + 1)
        self._lose(group.before if group else end, file=file, stop=group.start if group else file.size, until=group)
        return group

    def _lose(self, last: int, *, file: SegmentFile | None, stop: int = 0, until: Group | None = None) -> None:
        """Skip to position `last` and, in `file`, to byte `stop`; note the damage and set the bytes aside."""
        first = max(self.position, self.committed) + 1
        content = file.bytes_between(self._next_byte, stop) if file else b""
        lost = max(0, last - first + 1)
        if lost or content.strip(b"\0"):
            name = file.segment.path.name if file else ""
            damage = Damage(
                journal=self.folder.name,
                file=name,
                start=self._next_byte if file else 0,
                first=first,
                records=lost,
                since=self._last_read_at,
                until=until.written_at if until else None,
                found_at=time.time(),
                kept=f"{self.folder.name}.{name}.{self._next_byte}" if content else "",
            )
            if set_aside(self.folder.parent, damage, content):
                _log.error(str(damage))
        self.position = max(self.position, last)
        if file:
            self._next_byte = stop

    def _decoded(self, group: Group) -> list[Record | None]:
        """Return a group's records; a payload that can't be decoded is set aside."""
        try:
            return group.records()
        except (msgspec.DecodeError, DecompressionError):
            self._lose(group.last, file=self._file, stop=group.end)
            return []

    def _forget_replaced_file(self) -> None:
        """Begin again with a segment whose file was rewritten: its groups start at other bytes."""
        if self._file is not None and self._file.is_replaced():
            self._leave_file()

    def _leave_file(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file, self._next_byte = None, 0

    def _is_aged(self, segment: Segment, last: int) -> bool:
        with suppress(FileNotFoundError):
            aged = segment.path.stat().st_mtime <= time.time() - self._keep_seconds
            return aged or last <= self.committed - KEEP_RECORDS
        return False

    def _set_foreign_files_aside(self) -> None:
        for path in self.folder.iterdir():
            if path.is_file() and path.suffix != ".new" and path.name not in _OURS and Segment.at(path) is None:
                _log.error(str(move_aside(path)))

    def _segments(self) -> list[Segment]:
        """Return the segments in order, without files that only have the name of one."""
        return [each for each in segments_in(self.folder) if each in self._sound or self._is_sound(each)]

    def _is_sound(self, segment: Segment) -> bool:
        with SegmentFile(segment) as file:
            sound, blank = file.has_group(), file.is_blank()
        if sound:
            self._sound.add(segment)
        elif is_open(segment):
            pass  # the writer has not written to it yet
        elif blank:
            segment.path.unlink()
        else:
            _log.error(str(move_aside(segment.path)))
        return sound

    def _deleted(self) -> int:
        """Return the position before the oldest segment: all before it was drained and deleted."""
        mark, segments = read_mark(self.folder), self._segments()
        return segments[0].first - 1 if segments else mark.position if mark else 0


def is_open(segment: Segment) -> bool:
    """Tell whether a living process writes to a segment; the writer marks it as open before it makes the file."""
    mark = read_mark(segment.path.parent)
    return (mark is None or segment.first == mark.open_segment) and has_writer(segment.path.parent)


def has_writer(folder: Path) -> bool:
    """Tell whether a living process holds a journal to write to it."""
    try:
        with (folder / ACKNOWLEDGED).open("rb") as mark:
            fcntl.flock(mark, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


def boot_id() -> str:
    """Return the id of the machine's current boot, or its name if the kernel does not tell."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return os.uname().nodename


def acknowledged_before(file: SegmentFile) -> int:
    """Return the last acknowledged position before this segment; if its opening is damaged, all before it."""
    written, before = file.acknowledged(), file.segment.first - 1
    return before if written is None else min(written, before)
