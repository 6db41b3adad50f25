"""Reads a whole journal and reports its state, without changing it; writer and reader may be running."""

from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from sinks.journal.positions import read_cursor, read_mark
from sinks.journal.reader import acknowledged_before
from sinks.journal.segment import Segment, SegmentFile, has_group, segments_in


class Verification(NamedTuple):
    """The state of a journal: `waiting` records are not drained, `missing` ones at `places` can't be read."""

    name: str
    segments: int
    records: int
    waiting: int
    missing: int
    places: int


def verify(folder: Path) -> Verification:
    """Read the journal in a folder; raises `OSError`."""
    mark, cursor, files = read_mark(folder), read_cursor(folder), segments_in(folder)
    segments = [segment for segment in files if has_group(segment)]
    acknowledged = mark.position if mark else 0
    oldest = segments[0].first - 1 if segments else acknowledged
    position = cursor.position if cursor else oldest
    waiting = max(0, acknowledged - position)
    records = missing = 0
    places = len(files) - len(segments)
    for segment, following in zip_longest((None, *segments), segments):  # None: before the first segment
        if segment is not None:
            found = _read(segment, position)
            records, missing, places = records + found.records, missing + found.missing, places + found.places
            position = found.position
        end = _acknowledged_before(following) if following else acknowledged
        missing, places = missing + max(0, end - position), places + (end > position)
        position = following.first - 1 if following else position
    return Verification(folder.name, len(segments), records, waiting, missing, places)


class _Found(NamedTuple):
    records: int
    missing: int
    places: int
    position: int


def _read(segment: Segment, position: int) -> _Found:
    """Read the segment after `position`; count its readable and missing records."""
    records = missing = places = end = 0
    with SegmentFile(segment) as file:
        group = file.search(0)
        while group:
            gap = max(0, group.before - position)
            records, missing = records + group.last - group.before, missing + gap
            places += gap > 0 or group.start > end
            position, end = max(position, group.last), group.end
            group = file.group_at(end) or file.search(end)
    return _Found(records, missing, places, position)


def _acknowledged_before(segment: Segment) -> int:
    with SegmentFile(segment) as file:
        return acknowledged_before(file)
