"""
Asking the disk to keep what was written to a file, while the caller goes on.

The kernel does it by itself (Linux AIO's fdsync, through caio): no thread has to be woken, and to wait for the
interpreter. Where that can't be had (another system, a sandbox, `aio-max-nr` used up), threads do it.
"""

import os
from pathlib import Path
from typing import Final

import caio

#: The kernel's first, and last one that can be had anywhere.
_VARIANTS: Final = tuple(filter(None, (caio.linux_aio_asyncio, caio.thread_aio_asyncio, caio.python_aio_asyncio)))
_MOST_UNDER_WAY: Final = 4


class Datasync:
    """Makes durable what was written to one file."""

    def __init__(self, path: Path) -> None:
        """Look after the file at `path`, and make its name durable first; needs a running event loop."""
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self._file = os.open(path, os.O_RDWR)
        self._context = _context()

    async def flush(self) -> None:
        """Return once all that was written before is on the disk, as fdatasync(2) has it; raises OSError."""
        try:
            await self._context.fdsync(self._file)
        except (SystemError, ValueError) as error:  # what caio makes of the kernel's errors
            raise OSError(f"fdatasync: {error}") from error

    def close(self) -> None:
        """Let go of the file; nothing may be under way."""
        self._context.close()
        os.close(self._file)


def _context() -> caio.AsyncioContext:
    """Return the first that the system lets us have."""
    *preferred, last = _VARIANTS
    for variant in preferred:
        try:
            return variant.AsyncioContext(max_requests=_MOST_UNDER_WAY)
        except (OSError, SystemError):
            continue
    return last.AsyncioContext(max_requests=_MOST_UNDER_WAY)
