"""Searches every file below a folder for a number, to check that it is erased."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from normalizers.written_numbers import LEAST_DIGITS, split_number

_CHUNK: Final = 1 << 20


def files_with(folder: Path, number: str) -> Iterator[Path]:
    """
    Yield the files whose bytes hold the national digits of a number: as text, in UTF-16, or in hexadecimal.

    This does not find it in compressed files (the store's parts, the journal's segments): `forget` rewrites those.
    """
    _, national = split_number(number)
    if len(national) < LEAST_DIGITS:
        return
    plain = [national.encode(), b"\0".join(digit.encode() for digit in national)]
    forms = [*plain, *(form.hex().encode() for form in plain)]
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink() and _holds(path, forms):
            yield path


def set_aside(data_dir: Path) -> list[Path]:
    """Return the damaged files that can't be searched: bytes of journals, and parts of tables."""
    damaged = (path for path in data_dir.glob("journal/damaged/*") if path.suffix != ".json")
    return [*damaged, *data_dir.glob("store/engine/store/*/*/detached/*")]


def _holds(path: Path, forms: list[bytes]) -> bool:
    tail = b""
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                if any(form in tail + chunk for form in forms):
                    return True
                tail = chunk[-max(map(len, forms)) :]
    except FileNotFoundError:  # deleted meanwhile
        return False
    return False
