"""The store's side of the journals: one process reads all journals in a folder as one stream."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from sinks.journal.damage import FOLDER as DAMAGED
from sinks.journal.positions import read_cursor, read_mark
from sinks.journal.reader import KEEP_SECONDS, JournalReader, has_writer
from sinks.stream import BATCH_BYTES, Batch, Record

_log: Final = logging.getLogger(__name__)

_POLL_SECONDS: Final = 0.05
#: How often aged segments are looked for.
TRIM_SECONDS: Final = 1.0

_Found = TypeVar("_Found")


class JournalConsumer:
    """Reads every journal in a folder, also new ones, except those that another process reads."""

    def __init__(
        self,
        root: Path,
        *,
        own: str | None = None,
        keep_seconds: float = KEEP_SECONDS,
        trim_seconds: float = TRIM_SECONDS,
        boot: str = "",
    ) -> None:
        """
        Read the journals below `root`; segments are kept this long after their records were drained.

        With `own`, read only the journal of this name, and those that no living process writes to.
        """
        self._root = root
        self._own = own
        self._keep_seconds = keep_seconds
        self._trim_seconds = trim_seconds
        self._boot = boot
        self._readers: dict[str, JournalReader] = {}
        self._trim_at = 0.0
        self._failed: set[str] = set()
        self._in_use = threading.Lock()

    async def read(self, *, most: int, most_bytes: int = BATCH_BYTES, wait_seconds: float) -> Batch:
        """Return the records after those read before, waiting for the first one at most `wait_seconds`."""
        deadline = time.monotonic() + wait_seconds
        while True:
            batch = await asyncio.to_thread(self._read, most, most_bytes)
            if batch.records or time.monotonic() >= deadline:
                return batch
            await asyncio.sleep(_POLL_SECONDS)

    async def commit(self, batch: Batch) -> None:
        """Move the cursor of each journal behind this batch."""
        await asyncio.to_thread(self._commit, dict(batch.positions))

    async def rewind(self) -> None:
        """Go back to the cursors."""
        for reader in self._readers.values():
            reader.rewind()

    async def lag(self) -> int:
        """Return how many records lie behind the cursors."""
        return await asyncio.to_thread(lag, self._root)

    def waiting(self) -> tuple[int, float | None]:
        """Return how many records of the open journals are not drained, and since when the oldest may wait."""
        readers = list(self._open_readers())
        since = filter(None, (self._try(reader, reader.waiting_since) for reader in readers))
        return sum(reader.waiting() for reader in readers), min(since, default=None)

    async def close(self) -> None:
        """Close the journals."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        with self._in_use:  # a read whose caller was cancelled goes on in its thread
            for reader in self._readers.values():
                reader.close()
            self._readers.clear()

    def _read(self, most: int, most_bytes: int) -> Batch:
        with self._in_use:
            return self._read_on(most, most_bytes)

    def _read_on(self, most: int, most_bytes: int) -> Batch:
        records: list[Record] = []
        positions: dict[Hashable, int] = {}
        due = time.monotonic() >= self._trim_at
        if due:
            self._trim_at = time.monotonic() + self._trim_seconds
        self._close_gone()
        for reader in self._open_readers():
            if due:
                self._try(reader, reader.trim)
            found = self._try(reader, partial(reader.read, most - len(records), most_bytes)) or []
            if found:
                records.extend(found)
                positions[reader] = reader.position
                most_bytes -= sum(len(record.value) for record in found)
            if len(records) >= most or most_bytes <= 0:
                break
        return Batch(records, positions)

    def _commit(self, positions: Mapping[Hashable, int]) -> None:
        with self._in_use:
            for reader in self._readers.values():
                if reader in positions:  # a journal whose folder is gone has no cursor to move
                    self._try(reader, partial(reader.commit, positions[reader]))

    def _close_gone(self) -> None:
        for name, reader in list(self._readers.items()):
            if reader.is_gone():
                _log.error("the folder of journal %s was deleted or moved while it was read", name)
                self._readers.pop(name).close()

    def _open_readers(self) -> Iterator[JournalReader]:
        for folder in journals_in(self._root):
            if folder.name not in self._readers:
                if self._own not in {None, folder.name} and has_writer(folder):
                    continue
                reader = JournalReader.open(folder, keep_seconds=self._keep_seconds, boot=self._boot)
                if reader is None:
                    continue
                self._readers[folder.name] = reader
            yield self._readers[folder.name]

    def _try(self, reader: JournalReader, work: Callable[[], _Found]) -> _Found | None:
        """Call `work`; log an `OSError` and return None, so that one journal does not hold up the others."""
        try:
            found = work()
        except OSError as error:
            if reader.folder.name not in self._failed:
                self._failed.add(reader.folder.name)
                _log.error("journal %s can't be read now, and is tried again: %s", reader.folder.name, error)
            return None
        self._failed.discard(reader.folder.name)
        return found


def journals_in(root: Path) -> list[Path]:
    """Return the folders of the journals below `root`."""
    return sorted(folder for folder in root.glob("*/") if folder.name != DAMAGED)


def lag(root: Path) -> int:
    """Return how many records were acknowledged and are not drained; any process may call this at any time."""
    return sum(_behind(folder) for folder in journals_in(root))


def _behind(folder: Path) -> int:
    mark, cursor = read_mark(folder), read_cursor(folder)
    return max(0, (mark.position if mark else 0) - (cursor.position if cursor else 0))
