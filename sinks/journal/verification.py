"""Reads every byte of a journal and says what is in it; changes nothing, beside a writer and a reader too."""

from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from sinks.journal.positions import read_cursor, read_mark
from sinks.journal.reader import acknowledged_before
from sinks.journal.segment import SegmentFile, segments_in


class Verification(NamedTuple):
    """The state of a journal: `waiting` records are not drained, `missing` ones can't be read, at `places`."""

    name: str
    segments: int
    records: int
    waiting: int
    missing: int
    places: int


def verify(folder: Path) -> Verification:
    """Read the journal in a folder; raises `OSError`."""
    mark, cursor, segments = read_mark(folder), read_cursor(folder), segments_in(folder)
    position = segments[0].first - 1 if segments else 0
    records = missing = places = 0
    for segment, following in zip_longest(segments, segments[1:]):
        with SegmentFile(segment) as file:
            end_of_last = 0
            group = file.search(0)
            while group:
                gap = max(0, group.before - position)
                records, missing = records + group.last - group.before, missing + gap
                places += gap > 0 or group.start > end_of_last
                position, end_of_last = group.last, group.end
                group = file.group_at(group.end) or file.search(group.end)
        end = mark.position if mark else 0
        if following:
            with SegmentFile(following) as file:
                end = acknowledged_before(file)
        gap = max(0, end - position)
        missing, places = missing + gap, places + (gap > 0)
        position = max(position, end, following.first - 1 if following else 0)
    waiting = max(0, (mark.position if mark else position) - (cursor.position if cursor else 0))
    return Verification(folder.name, len(segments), records, waiting, missing, places)
