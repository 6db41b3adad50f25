"""Looks for a number in every file below a folder, as the proof of an erasure."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from normalizers.written_numbers import LEAST_DIGITS, split_number

_CHUNK: Final = 1 << 20


def files_with(folder: Path, number: str) -> Iterator[Path]:
    """
    Yield the files whose bytes hold the national digits of a number.

    Parts of the store and segments of the journal are compressed, so their content is searched by other means.
    """
    _, national = split_number(number)
    digits = national.encode()
    if len(digits) < LEAST_DIGITS:
        return
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink() and _holds(path, digits):
            yield path


def _holds(path: Path, digits: bytes) -> bool:
    tail = b""
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                if digits in tail + chunk:
                    return True
                tail = chunk[-len(digits) :]
    except FileNotFoundError:  # deleted meanwhile
        return False
    return False
