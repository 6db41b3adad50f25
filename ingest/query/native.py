"""
Reads and writes ClickHouse's binary forms: compressed frames, and Native blocks at a client's revision.

A frame (src/Compression/CompressedWriteBuffer.cpp) is a CityHash128 of the rest, the method, the compressed size with
this header, the plain size, and the data. Blocks are described in src/Formats/NativeWriter.cpp. The embedded engine
writes Native at revision 0 only; clients that send `client_protocol_version` expect more bytes around each column, so
the columns are taken from the engine's Buffers format and written anew.
"""

import struct
from collections.abc import Iterator, Sequence
from typing import Final

import cramjam
from clickhouse_cityhash.cityhash import CityHash128

_LZ4: Final = 0x82
_ZSTD: Final = 0x90
_PLAIN: Final = 0x02
_FRAME_BYTES: Final = 1024 * 1024
_CHECKSUM_BYTES: Final = 16
_HEADER: Final = struct.Struct("<BII")

_BLOCK_INFO: Final = b"\x01\x00\x02\xff\xff\xff\xff\x00"  # no overflows; bucket -1; end
_REVISION_WITH_SERIALIZATION_KIND: Final = 54454
_COUNT: Final = struct.Struct("<Q")


def compress_frames(body: bytes) -> bytes:
    """Write `body` as LZ4 frames."""
    return b"".join(_frame(body[start : start + _FRAME_BYTES]) for start in range(0, len(body), _FRAME_BYTES))


def _frame(data: bytes) -> bytes:
    packed = bytes(cramjam.lz4.compress_block(data, store_size=False))
    frame = _HEADER.pack(_LZ4, len(packed) + _HEADER.size, len(data)) + packed
    return _checksum(frame) + frame


def decompress_frames(body: bytes, most: int) -> bytes:
    """Read frames of at most `most` plain bytes together; raises ValueError if they can't be read."""
    parts, size = [], 0
    for frame in _split_frames(body):
        method, _, length = _HEADER.unpack_from(frame)
        size += length
        if size > most:
            raise ValueError(f"the frames hold over {most} bytes")
        parts.append(_unpack(method, frame[_HEADER.size :], length))
    return b"".join(parts)


def _split_frames(body: bytes) -> Iterator[bytes]:
    while body:
        checksum, body = body[:_CHECKSUM_BYTES], body[_CHECKSUM_BYTES:]
        if len(body) < _HEADER.size:
            raise ValueError("a frame is cut short")
        _, size, _ = _HEADER.unpack_from(body)
        frame, body = body[:size], body[size:]
        if size < _HEADER.size or _checksum(frame) != checksum:
            raise ValueError("a frame's checksum does not match")
        yield frame


def _unpack(method: int, data: bytes, length: int) -> bytes:
    if method == _PLAIN:
        return data
    plain = bytearray(length)
    try:
        if method == _LZ4:
            cramjam.lz4.decompress_block_into(data, plain, output_len=length)
        elif method == _ZSTD:
            cramjam.zstd.decompress_into(data, plain)
        else:
            raise ValueError(f"a frame's method is unknown: {method:#x}")
    except cramjam.DecompressionError as error:
        raise ValueError(f"a frame can't be decompressed: {error}") from None
    return bytes(plain)


def _checksum(frame: bytes) -> bytes:
    checksum: int = CityHash128(frame)
    high, low = divmod(checksum, 1 << 64)
    return struct.pack("<QQ", high, low)


def native_blocks(buffers: bytes, columns: Sequence[tuple[str, str]], revision: int) -> bytes:
    """Write a result in the Buffers format as Native at a revision, with the columns' names and types."""
    heads = [_text(name) + _text(kind) for name, kind in columns]
    if revision >= _REVISION_WITH_SERIALIZATION_KIND:
        heads = [head + b"\x00" for head in heads]  # the default serialization
    info = _BLOCK_INFO if revision else b""
    parts: list[bytes] = []
    position = 0
    while position < len(buffers):
        (_, rows), position = struct.unpack_from("<QQ", buffers, position), position + 2 * _COUNT.size
        parts += (info, _varint(len(columns)), _varint(rows))
        for head in heads:
            (size,), position = _COUNT.unpack_from(buffers, position), position + _COUNT.size
            parts += (head, buffers[position : position + size])
            position += size
    return b"".join(parts)


def _text(text: str) -> bytes:
    data = text.encode()
    return _varint(len(data)) + data


def _varint(number: int) -> bytes:
    """Write an unsigned LEB128."""
    data = bytearray()
    while number > 0x7F:  # noqa: PLR2004 - seven bits a byte
        data.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*data, number))
