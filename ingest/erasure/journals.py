"""Erases a number from the journals: records about it are deleted, other records that contain it are redacted."""

import asyncio
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final

from ingest.erasure.redaction import erasing
from sinks.errors import BusyError
from sinks.journal.consumer import journals_in
from sinks.journal.positions import read_cursor, read_mark
from sinks.journal.rewrite import Change, rewrite
from sinks.journal.writer import SEGMENT_SECONDS

_POLL_SECONDS: Final = 1.0
#: A journal begins a new segment every `SEGMENT_SECONDS`; a busy disk may take a little longer.
_WAIT_SECONDS: Final = SEGMENT_SECONDS + 60


async def erase_from_journals(
    roots: Sequence[Path], number: str, stored_as: Collection[str], wait: float = _WAIT_SECONDS
) -> int:
    """
    Erase a number from all that the journals below `roots` hold now, and return how many records that changed.

    It waits until nothing is written to the present segments any more; raises `BusyError` if that takes too long.
    """
    change = erasing(number, stored_as)
    deadline = time.monotonic() + wait
    changed, unseen = await asyncio.to_thread(_rewrite_all, roots, change)
    while unseen:
        if time.monotonic() > deadline:
            raise BusyError("a journal is still writing to a segment that may hold the number: run the command again")
        await asyncio.sleep(_POLL_SECONDS)
        more, still_open = await asyncio.to_thread(_rewrite_all, roots, change)
        changed, unseen = changed + more, unseen & still_open
    return changed


async def wait_until_drained(root: Path, wait: float = _WAIT_SECONDS) -> None:
    """
    Return once all records that the journals below `root` hold now are in the store; raises `BusyError`.

    Changing the journal does not change the batch that the drain has read from it already.
    """
    ends = {folder: mark.position for folder in journals_in(root) if (mark := read_mark(folder))}
    deadline = time.monotonic() + wait
    while not all((cursor := read_cursor(folder)) and cursor.position >= end for folder, end in ends.items()):
        if time.monotonic() > deadline:
            raise BusyError("the store does not keep up with the journals: run the command again when it does")
        await asyncio.sleep(_POLL_SECONDS)


def _rewrite_all(roots: Sequence[Path], change: Change) -> tuple[int, set[Path]]:
    done = [rewrite(folder, change) for root in roots for folder in journals_in(root)]
    return sum(each.records for each in done), {path for each in done for path in each.open_segments}
