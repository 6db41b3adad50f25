"""
Bytes that a journal's reader could not read, set aside: raw bytes in a folder `damaged` beside the journals, and a note
of each.

A note is a JSON file. Its name follows from the place of the damage, so that damage that is found again after a restart
is one note; it stays until an operator moves it away, and is counted in the metrics until then.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from sinks.journal.positions import replace_file, sync_folder

FOLDER: Final = "damaged"


class Damage(msgspec.Struct, frozen=True, kw_only=True):
    """
    One place in a journal that can't be read.

    `records` acknowledged records, the first of them at position `first`, are lost by it (0: none that is known of).
    A file that is none of the journal's has 0 for both.
    They were acknowledged between `since` and `until`, in seconds since 1970 (None: not known). `kept` names the file
    in the folder `damaged` that has the bytes, empty if there are none.
    """

    journal: str
    file: str
    start: int
    first: int
    records: int
    since: float | None
    until: float | None
    found_at: float
    kept: str

    @property
    def name(self) -> str:
        """Name the note: the same for the same place."""
        return f"{self.journal}.{self.file}.{self.start}.{self.first}"

    def __str__(self) -> str:
        """Say it to an operator."""
        lost = f"{self.records} acknowledged records are lost" if self.records else "no record is known to be lost"
        return (
            f"journal {self.journal}: {self.file or 'a segment'} can't be read from byte {self.start}: {lost},"
            f" written after {_moment(self.since)} and before {_moment(self.until or self.found_at)};"
            f" {f'the bytes are kept as {FOLDER}/{self.kept}' if self.kept else 'nothing of it is left'}"
        )


def _moment(at: float | None) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds") if at else "an unknown time"


def set_aside(root: Path, damage: Damage, content: bytes) -> bool:
    """Keep a note and the bytes, durably; False where that was done before. Raises `OSError`."""
    folder = root / FOLDER
    note = folder / f"{damage.name}.json"
    if note.exists():
        return False
    folder.mkdir(exist_ok=True)
    if content:
        replace_file(folder / damage.kept, content)
    replace_file(note, msgspec.json.format(msgspec.json.encode(damage)))
    sync_folder(folder)
    sync_folder(root)
    return True


def move_aside(path: Path) -> Damage:
    """Move a file that is none of its journal's into the folder `damaged`, and return its note; raises `OSError`."""
    journal, root = path.parent.name, path.parent.parent
    kept = f"{journal}.{path.name}.{path.stat().st_mtime_ns}"
    damage = Damage(
        journal=journal,
        file=path.name,
        start=0,
        first=0,
        records=0,
        since=None,
        until=None,
        found_at=time.time(),
        kept=kept,
    )
    set_aside(root, damage, b"")
    path.rename(root / FOLDER / kept)
    return damage


def damages(root: Path) -> Iterator[Damage]:
    """Yield what was set aside below `root`, the folder of the journals."""
    for note in sorted((root / FOLDER).glob("*.json")):
        try:
            yield msgspec.json.decode(note.read_bytes(), type=Damage)
        except (OSError, msgspec.DecodeError):
            continue
