"""Group commit: one write at a time; the records that arrive during it are written together by the next."""

import asyncio
from collections.abc import Callable, Sequence

from sinks.errors import BusyError
from sinks.stream import Record

#: Limits of the records and bytes that wait for a write; they bound the memory of a stalled stream.
MOST_PENDING = 50_000
MOST_PENDING_BYTES = 64 * 1024 * 1024


class GroupCommit:
    """
    Collects appends into groups and writes one group at a time.

    A lone append is written at once. Under load, a group is all records that were appended during the last write.
    """

    def __init__(self, write: Callable[[Sequence[Record]], asyncio.Future[None]]) -> None:
        """Take `write`, which starts a durable write of one group and returns its future."""
        self._write = write
        self._loop = asyncio.get_running_loop()
        self._pending: list[Record] = []
        self._bytes = 0
        self._waiting: list[asyncio.Future[None]] = []
        self._writing = False
        self._idle = asyncio.Event()
        self._idle.set()

    async def append(self, records: Sequence[Record]) -> None:
        """Return once the group that holds these records is written; raises what the write raised, or `BusyError`."""
        if not records:
            return
        size = sum(len(record.value) for record in records)
        too_much = len(self._pending) + len(records) > MOST_PENDING or self._bytes + size > MOST_PENDING_BYTES
        if self._pending and too_much:  # a large append is taken if nothing else waits
            raise BusyError("the stream does not keep up")
        self._pending.extend(records)
        self._bytes += size
        written = self._loop.create_future()
        self._waiting.append(written)
        if not self._writing:
            self._writing = True
            self._idle.clear()
            self._loop.call_soon(self._start)
        await written

    @property
    def busy(self) -> bool:
        """Whether something is waiting or being written."""
        return self._writing

    async def drained(self) -> None:
        """Return once nothing is waiting or being written."""
        await self._idle.wait()

    def _start(self) -> None:
        group, self._pending, self._bytes = self._pending, [], 0
        waiting, self._waiting = self._waiting, []
        self._write(group).add_done_callback(lambda written: self._finish(written, waiting))

    def _finish(self, written: asyncio.Future[None], waiting: list[asyncio.Future[None]]) -> None:
        error = BusyError("the write was cancelled") if written.cancelled() else written.exception()
        for future in waiting:
            if future.done():  # the caller was cancelled
                continue
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)
        if self._waiting:
            self._start()
        else:
            self._writing = False
            self._idle.set()
