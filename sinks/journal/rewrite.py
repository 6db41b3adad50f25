"""
Changes or erases records in segments that are no longer written to.

A segment is replaced by a file of the same name, in which every record keeps its position. A reader with the old file
open notices that, and continues in the new one.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
from cramjam import DecompressionError

from sinks.journal.positions import replace_file, sync_folder
from sinks.journal.reader import is_open
from sinks.journal.segment import Group, Segment, SegmentFile, segments_in
from sinks.stream import Record

#: Returns the record that takes a record's place: itself, another one, or None, which erases it.
Change = Callable[[Record], Record | None]


class Rewritten(NamedTuple):
    """How many records were changed or erased, and the segments that were skipped because they are written to."""

    records: int
    open_segments: frozenset[Path]


def rewrite(folder: Path, change: Change) -> Rewritten:
    """
    Change the records in the closed segments of the journal in `folder`; raises `OSError`.

    Bytes that can't be read stay as they are. It may run beside the writer and the reader, and be repeated.
    """
    records, still_open = 0, set()
    for segment in segments_in(folder):
        if is_open(segment):
            still_open.add(segment.path)
        else:
            records += _rewrite_segment(segment, change)
    return Rewritten(records, frozenset(still_open))


def _rewrite_segment(segment: Segment, change: Change) -> int:
    """Replace a segment's file if records in it change, and return how many do."""
    try:
        with SegmentFile(segment) as file:
            found = segment.path.stat()
            pieces, changed = [], 0
            for piece, count in _pieces(file, change):
                pieces.append(piece)
                changed += count
    except FileNotFoundError:  # the reader has deleted it
        return 0
    if changed:
        replace_file(segment.path, b"".join(pieces))
        os.utime(segment.path, ns=(found.st_atime_ns, found.st_mtime_ns))  # its age decides when it is deleted
        sync_folder(segment.path.parent)
    return changed


def _pieces(file: SegmentFile, change: Change) -> Iterator[tuple[bytes, int]]:
    """Yield the new bytes of a segment, piece by piece, and how many records change in each."""
    at = 0
    while at < file.size:
        group = file.group_at(at) or file.search(at + 1)
        end = file.size if group is None else group.start
        if end > at:
            yield file.bytes_between(at, end), 0  # unreadable bytes
        if group is None:
            return
        yield _changed(file, group, change)
        at = group.end


def _changed(file: SegmentFile, group: Group, change: Change) -> tuple[bytes, int]:
    """Return a group's new bytes, and how many of its records change."""
    same = file.bytes_between(group.start, group.end), 0
    if group.last == group.before:
        return same
    try:
        before = group.records()
    except (msgspec.DecodeError, DecompressionError):
        return same
    after = [None if record is None else change(record) for record in before]
    count = sum(new is not old for new, old in zip(after, before, strict=True))
    return (file.segment.encode(group.before, after, group.written_at), count) if count else same
