"""
The two small files beside a journal's segments that say how far writer and reader are.

`acknowledged` is the writer's: the position of the last acknowledged record, and the first position of the segment that
it writes to (0 if none). It is written after each sync and is not synced itself, so after a power loss it may be some
seconds old. `cursor` is the reader's: the position up to which all records are drained, and the id of the machine's boot
in which it was written. It is synced.

Each file is one line of text that ends with its checksum. It is overwritten in place, within one sector, which also works
on a full disk.
"""

import os
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

ACKNOWLEDGED: Final = "acknowledged"
CURSOR: Final = "cursor"

#: A line that is read while it is written may have a wrong checksum, and is read again.
_TRIES: Final = 3


class Mark(NamedTuple):
    """The content of the file `acknowledged`."""

    position: int
    open_segment: int


class Cursor(NamedTuple):
    """The content of the file `cursor`."""

    position: int
    boot: str


def read_mark(folder: Path) -> Mark | None:
    """Return how far a journal's writer is; None if that can't be read."""
    match _unsealed(folder / ACKNOWLEDGED):
        case [position, segment]:
            return Mark(int(position), int(segment))
        case _:
            return None


def write_mark(file: int, mark: Mark) -> None:
    """Write how far the writer is into its open file; raises `OSError`."""
    write_all(file, _sealed(f"{mark.position:020d} {mark.open_segment:020d}"), 0)


def read_cursor(folder: Path) -> Cursor | None:
    """Return how far a journal's reader is; None if that can't be read."""
    match _unsealed(folder / CURSOR):
        case [position, boot]:
            return Cursor(int(position), boot)
        case _:
            return None


def make_cursor(folder: Path) -> None:
    """Make a new journal's cursor, so that a missing one is known to be lost; raises `OSError`."""
    with suppress(FileExistsError):  # the reader has made it
        file = os.open(folder / CURSOR, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            write_cursor(file, Cursor(0, "none"))
        finally:
            os.close(file)


def write_cursor(file: int, cursor: Cursor) -> None:
    """Write durably how far the reader is into its open file; raises `OSError`."""
    write_all(file, _sealed(f"{cursor.position:020d} {cursor.boot}"), 0)
    os.fdatasync(file)


def replace_file(path: Path, content: bytes) -> None:
    """Replace a file atomically and durably; raises `OSError`."""
    new = path.with_name(f"{path.name}.new")
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        write_all(file, content, 0)
        os.fdatasync(file)
    finally:
        os.close(file)
    new.replace(path)


def is_gone(file: int, path: Path) -> bool:
    """Tell whether an open file or folder is no longer at `path`: it was deleted, moved, or replaced by another."""
    try:
        return not os.path.samestat(path.stat(), os.fstat(file))
    except OSError:
        return True


def write_all(file: int, content: bytes, start: int) -> None:
    """Write all of `content` at byte `start`; raises `OSError` if the disk takes only a part of it."""
    written = os.pwrite(file, content, start)
    while written < len(content):  # after a partial write, the next call raises the error
        written += os.pwrite(file, content[written:], start + written)


def sync_folder(folder: Path) -> None:
    """Make a folder's entries durable; raises `OSError`."""
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _sealed(text: str) -> bytes:
    return f"{text} {zlib.crc32(text.encode()):08x}\n".encode()


def _unsealed(path: Path) -> list[str]:
    """Return the words of a line whose checksum is right, else none."""
    for _ in range(_TRIES):
        try:
            text, _, checksum = path.read_bytes().partition(b"\n")[0].decode("ascii").rpartition(" ")
        except (OSError, UnicodeDecodeError):
            return []
        if f"{zlib.crc32(text.encode()):08x}" == checksum:
            return text.split()
    return []
