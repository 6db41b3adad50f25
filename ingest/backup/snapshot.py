"""
Takes the snapshot that a backup copies: hard links to all files of `data_dir` as they are at one moment.

The process that has the store open takes it, between two batches of the drain. Every acknowledged record is then either
in the tables, or in a journal after its cursor.
"""

import os
import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

import msgspec

from sinks.clickhouse.frozen import freeze, thaw
from sinks.clickhouse.migrate import applied
from sinks.clickhouse.store import Store
from sinks.journal.positions import ACKNOWLEDGED, CURSOR

_FOLDER: Final = "snapshot"
_POLLS: Final = "poll.db"
#: Folders of journals, in `data_dir`.
_JOURNALS: Final = ("journal", "refused")


class Snapshot(msgspec.Struct, frozen=True):
    """A snapshot: the parts of each table, the checksums of the migrations, and a folder of all other files."""

    parts: dict[str, list[Path]]
    migrations: dict[str, str]
    files: Path


def take_snapshot(store: Store, engine: Path, data_dir: Path) -> Snapshot:
    """Take a snapshot in place of the last one, while nothing is inserted; raises `OSError`."""
    drop_snapshot(engine, data_dir)
    files = data_dir / _FOLDER
    files.mkdir()
    for name in _JOURNALS:
        for folder in (data_dir / name).glob("*/"):
            _link_journal(folder, files / name / folder.name)
    if (data_dir / _POLLS).exists():
        with closing(sqlite3.connect(data_dir / _POLLS)) as polls, closing(sqlite3.connect(files / _POLLS)) as copy:
            polls.backup(copy)
    return Snapshot(freeze(store, engine), applied(store), files.absolute())


def drop_snapshot(engine: Path, data_dir: Path) -> None:
    """Delete the snapshot, even if it is incomplete."""
    thaw(engine)
    shutil.rmtree(data_dir / _FOLDER, ignore_errors=True)


def _link_journal(folder: Path, target: Path) -> None:
    """
    Link a journal's segments.

    The acknowledged position is copied first, so that the segments hold everything up to it, and the cursor last.
    """
    target.mkdir(parents=True)
    _copy(folder, target, ACKNOWLEDGED)
    for path in folder.iterdir():
        if path.is_file() and path.name not in {ACKNOWLEDGED, CURSOR}:
            with suppress(FileNotFoundError):  # drained and deleted meanwhile
                os.link(path, target / path.name)
    _copy(folder, target, CURSOR)


def _copy(folder: Path, target: Path, name: str) -> None:
    if (folder / name).exists():
        shutil.copyfile(folder / name, target / name)
