"""Takes a number out of the journals: records about it are erased, and other records that contain it are redacted."""

import asyncio
import time
from collections.abc import Collection
from pathlib import Path
from typing import Final

import orjson

from normalizers.written_numbers import replace_number
from sinks.errors import BusyError
from sinks.journal.consumer import journals_in
from sinks.journal.positions import read_cursor, read_mark
from sinks.journal.rewrite import Change, rewrite
from sinks.journal.writer import SEGMENT_SECONDS
from sinks.stream import Record

_MASK: Final = "***"
_POLL_SECONDS: Final = 1.0
#: A segment that is written to is left after `SEGMENT_SECONDS`; a busy disk may take a little longer.
_WAIT_SECONDS: Final = SEGMENT_SECONDS + 60


async def erase_from_journals(root: Path, number: str, stored_as: Collection[str], wait: float = _WAIT_SECONDS) -> int:
    """
    Erase a number from all that the journals below `root` hold now, and return how many records that changed.

    It waits until the segments that are written to now have been left. Raises `BusyError` where they are not in time.
    """
    change = erasing(number, stored_as)
    deadline = time.monotonic() + wait
    changed, unseen = await asyncio.to_thread(_rewrite_all, root, change)
    while unseen:
        if time.monotonic() > deadline:
            raise BusyError("a journal is still writing to a segment that may hold the number: run the command again")
        await asyncio.sleep(_POLL_SECONDS)
        more, still_open = await asyncio.to_thread(_rewrite_all, root, change)
        changed, unseen = changed + more, unseen & still_open
    return changed


async def wait_until_drained(root: Path, wait: float = _WAIT_SECONDS) -> None:
    """
    Return once all that the journals below `root` held at first is in the store; raises `BusyError`.

    A batch that the drain has read already is not changed by changing the journal.
    """
    ends = {folder: mark.position for folder in journals_in(root) if (mark := read_mark(folder))}
    deadline = time.monotonic() + wait
    while not all((cursor := read_cursor(folder)) and cursor.position >= end for folder, end in ends.items()):
        if time.monotonic() > deadline:
            raise BusyError("the store does not keep up with the journals: run the command again when it does")
        await asyncio.sleep(_POLL_SECONDS)


def erasing(number: str, stored_as: Collection[str]) -> Change:
    """Return what erases a record about a number, and redacts the number in every other record."""
    about = [orjson.dumps(form) for form in stored_as]

    def change(record: Record) -> Record | None:
        if any(b'"%s":%s' % (name, form) in record.value for form in about for name in (b"recipient", b"sender")):
            return None
        text = record.value.decode("utf-8", "surrogateescape")
        redacted = replace_number(text, number, _MASK)
        if redacted == text:
            return record
        return Record(record.topic, record.key, record.provider, redacted.encode("utf-8", "surrogateescape"))

    return change


def _rewrite_all(root: Path, change: Change) -> tuple[int, set[Path]]:
    changed = 0
    still_open: set[Path] = set()
    for folder in journals_in(root):
        done = rewrite(folder, change)
        changed += done.records
        still_open |= done.open_segments
    return changed, still_open
