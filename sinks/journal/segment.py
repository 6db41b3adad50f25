"""
The file format of the journal: a segment is a file of groups, one after the other.

    group    magic (4 bytes), crc32, length, count, first, written_at, payload
    payload  `length` bytes: records as msgpack, compressed with LZ4

A group is one append. `first` is the position of its first record: records are numbered from 1 through all segments of
a journal. `count` is the number of records. The checksum covers everything after it. A segment begins with a group
without records, the opening, whose payload is the last position that was acknowledged before. Numbers are little-endian.

A segment's name has the position of its first record and a random salt, which every checksum starts from. When a reader
searches damaged bytes for the next group, it can't mistake the content of a record for one: the sender of that content
did not know the salt.
"""

import errno
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Self

import msgspec
from cramjam import lz4

from sinks.stream import Record

SUFFIX: Final = ".segment"

_MAGIC: Final = b"\xd1\x0aDR"
_HEADER: Final = struct.Struct("<4sIIIQd")
_CHECKED_FROM: Final = 8
_ACKNOWLEDGED: Final = struct.Struct("<Q")
_SEARCHED_BYTES: Final = 1 << 20
_BLOCK_BYTES: Final = 4096

_to_msgpack: Final = msgspec.msgpack.Encoder().encode
_from_msgpack: Final = msgspec.msgpack.Decoder(list[Record | None]).decode


class Group(NamedTuple):
    """One group in a file, from byte `start` to `end`, with the records after position `before` up to `last`."""

    start: int
    end: int
    before: int
    last: int
    written_at: float
    payload: bytes

    def records(self) -> list[Record | None]:
        """Return the records, None for erased ones; raises the decoding errors of msgspec and cramjam."""
        return _from_msgpack(lz4.decompress_block(self.payload))


class Segment(NamedTuple):
    """A segment's path, and the first position and salt in its name."""

    first: int
    salt: int
    path: Path

    @classmethod
    def create(cls, folder: Path, first: int) -> Self:
        """Name a new segment; no file is made."""
        salt = int.from_bytes(os.urandom(4))
        return cls(first, salt, folder / f"{first:020d}-{salt:08x}{SUFFIX}")

    @classmethod
    def at(cls, path: Path) -> Self | None:
        """Return the segment at `path`; None if that is not a segment's name."""
        first, _, salt = path.name.removesuffix(SUFFIX).partition("-")
        try:
            segment = cls(int(first), int(salt, 16), path)
        except ValueError:
            return None
        return segment if path.name == f"{segment.first:020d}-{segment.salt:08x}{SUFFIX}" else None

    def encode(self, before: int, records: Sequence[Record | None], written_at: float) -> bytes:
        """Return the bytes of a group of records at the positions after `before`."""
        return self._sealed(before, len(records), written_at, bytes(lz4.compress_block(_to_msgpack(records))))

    def opening(self, acknowledged: int, written_at: float) -> bytes:
        """Return the bytes of the segment's first group."""
        return self._sealed(self.first - 1, 0, written_at, _ACKNOWLEDGED.pack(acknowledged))

    def _sealed(self, before: int, count: int, written_at: float, payload: bytes) -> bytes:
        header = _HEADER.pack(_MAGIC, 0, len(payload), count, before + 1, written_at)
        checksum = zlib.crc32(payload, zlib.crc32(header[_CHECKED_FROM:], self.salt))
        return b"".join((_MAGIC, checksum.to_bytes(4, "little"), header[_CHECKED_FROM:], payload))


class SegmentFile:
    """A segment's file, open for reading; every method may raise `OSError`."""

    def __init__(self, segment: Segment) -> None:
        """Open the file of `segment`."""
        self.segment = segment
        self._file = os.open(segment.path, os.O_RDONLY)

    def group_at(self, start: int) -> Group | None:
        """Return the group that starts at this byte; None if no whole one does."""
        header = self.bytes_between(start, start + _HEADER.size)
        if len(header) < _HEADER.size or not header.startswith(_MAGIC):
            return None
        _, checksum, length, count, first, written_at = _HEADER.unpack(header)
        end = start + _HEADER.size + length
        if end > self.size:
            return None
        payload = self.bytes_between(start + _HEADER.size, end)
        if zlib.crc32(payload, zlib.crc32(header[_CHECKED_FROM:], self.segment.salt)) != checksum:
            return None
        return Group(start, end, first - 1, first - 1 + count, written_at, payload)

    def groups(self, start: int = 0) -> Iterator[Group]:
        """Yield the groups from this byte on, up to the first one that can't be read."""
        while group := self.group_at(start):
            yield group
            start = group.end

    def search(self, start: int) -> Group | None:
        """Return the first group that starts at this byte or later; None if there is none."""
        while chunk := self.bytes_between(start, start + _SEARCHED_BYTES):
            at = chunk.find(_MAGIC)
            if at < 0:
                start += max(1, len(chunk) - len(_MAGIC) + 1)
            elif group := self.group_at(start + at):
                return group
            else:
                start += at + 1
        return None

    def acknowledged(self) -> int | None:
        """Return the position that had been acknowledged before this segment; None if that can't be read."""
        opening = self.group_at(0)
        return _ACKNOWLEDGED.unpack(opening.payload)[0] if opening and opening.last == opening.before else None

    def has_group(self) -> bool:
        """Tell whether the file has a readable group."""
        return (self.group_at(0) or self.search(0)) is not None

    def is_blank(self) -> bool:
        """Tell whether the file is empty or zeros, as after a power loss while it was made."""
        return not self.bytes_between(0, _SEARCHED_BYTES).strip(b"\0")

    def end(self) -> int:
        """Return the position of the last readable record; if there is none, the one before the first."""
        last, group = self.segment.first - 1, self.search(0)
        while group:
            last, group = group.last, self.group_at(group.end) or self.search(group.end)
        return last

    def bytes_between(self, start: int, end: int) -> bytes:
        """Return these bytes as far as the file has them; zeros for blocks that the disk can't read."""
        try:
            return os.pread(self._file, end - start, start)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            middle = start + max(1, (end - start) // _BLOCK_BYTES // 2) * _BLOCK_BYTES
            if middle >= end:
                return bytes(end - start)
            return self.bytes_between(start, middle) + self.bytes_between(middle, end)

    @property
    def size(self) -> int:
        """How long the file is now."""
        return os.fstat(self._file).st_size

    def is_replaced(self) -> bool:
        """Tell whether the file was replaced or deleted."""
        try:
            return self.segment.path.stat().st_ino != os.fstat(self._file).st_ino
        except FileNotFoundError:
            return True

    def sync(self) -> None:
        """Make the file's content durable."""
        os.fsync(self._file)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def __enter__(self) -> Self:
        """Close the file at the end of a `with` block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self.close()


def segments_in(folder: Path) -> list[Segment]:
    """Return a journal's segments in order, by name; only regular files, since opening a pipe would block."""
    files = (path for path in folder.glob(f"*{SUFFIX}") if path.is_file())
    return sorted(filter(None, map(Segment.at, files)))


def has_group(segment: Segment) -> bool:
    """Tell whether a segment has a readable group; raises `OSError`."""
    with SegmentFile(segment) as file:
        return file.has_group()
