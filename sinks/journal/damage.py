"""
Sets bytes that a journal's reader could not read aside: as files in a folder `damaged` beside the journals.

Each damage has a note, a JSON file. It is named by the place of the damage, so that damage that is found again after a
restart has one note. The metrics count it until an operator moves it away.
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

    It has lost `records` acknowledged records (0: none that is known of), the first of them at position `first`. They
    were acknowledged between `since` and `until`, in seconds since 1970 (None: not known). `kept` names the file in the
    folder `damaged` that has the bytes, empty if there are none. For a foreign file, `records` and `first` are 0.
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
        """The name of the note, which is the same for the same place."""
        return f"{self.journal}.{self.file}.{self.start}.{self.first}"

    def __str__(self) -> str:
        """Describe the damage to an operator."""
        lost = f"{self.records} acknowledged records are lost" if self.records else "no record is known to be lost"
        return (
            f"journal {self.journal}: {self.file or 'a segment'} can't be read from byte {self.start}: {lost},"
            f" written after {_moment(self.since)} and before {_moment(self.until or self.found_at)};"
            f" {f'the bytes are kept as {FOLDER}/{self.kept}' if self.kept else 'nothing of it is left'}"
        )


def _moment(at: float | None) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds") if at else "an unknown time"


def set_aside(root: Path, damage: Damage, content: bytes) -> bool:
    """Write the note and the bytes durably; False if the note is there already. Raises `OSError`."""
    folder = root / FOLDER
    note = folder / f"{damage.name}.json"
    if note.exists():
        return False
    folder.mkdir(parents=True, exist_ok=True)
    if content:
        replace_file(folder / damage.kept, content)
    replace_file(note, msgspec.json.format(msgspec.json.encode(damage)))
    sync_folder(folder)
    sync_folder(root)
    return True


def move_aside(path: Path) -> Damage:
    """Move a foreign file out of a journal into the folder `damaged`, and return its note; raises `OSError`."""
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
    """Yield the damages noted below `root`, the folder of the journals."""
    for note in sorted((root / FOLDER).glob("*.json")):
        try:
            yield msgspec.json.decode(note.read_bytes(), type=Damage)
        except (OSError, msgspec.DecodeError):
            continue
