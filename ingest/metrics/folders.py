"""
Watches the folders of `data_dir` that must not be deleted, and reports the records that are lost; runs in the parent.

It saves the positions of each journal in `data_dir/folders.json`, so that it also notices a journal that was deleted
between two runs. Records that were acknowledged and not drained at the last look are lost with their journal.
"""

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
import structlog

from sinks.journal.consumer import journals_in
from sinks.journal.damage import Damage, set_aside
from sinks.journal.positions import is_gone, read_cursor, read_mark

_log = structlog.get_logger(__name__)

_FILE: Final = "folders.json"


class JournalProgress(msgspec.Struct, frozen=True):
    """The positions up to which a journal's records are acknowledged and drained."""

    acknowledged: int
    drained: int


_NEW: Final = JournalProgress(0, 0)


class Known(msgspec.Struct, frozen=True):
    """The folders that existed at the last look: the journals by their names, and the store."""

    journals: dict[str, JournalProgress]
    has_store: bool = False


class FolderWatch:
    """
    Watches the journals below a folder, and the embedded store's folder if this command has that store.

    It begins with the folders that existed when `data_dir` was last in use.
    """

    def __init__(self, data_dir: Path, journals: Path, store: Path | None = None) -> None:
        self.journals = journals
        self._data_dir = data_dir
        self._store = store
        self._held: dict[Path, int] = {}
        self._known = Known({})
        with suppress(OSError, msgspec.DecodeError):
            self._known = msgspec.json.decode((data_dir / _FILE).read_bytes(), type=Known)
        if store and self._known.has_store and not store.exists():
            _log.error(
                "the store's folder is gone, and with it all that was stored: restore a backup", folder=str(store)
            )

    def look(self) -> None:
        """Compare the folders with the last look, report lost journals, and save the new state; raises `OSError`."""
        found = {}
        for folder in journals_in(self.journals):
            before = self._known.journals.get(folder.name, _NEW)
            if self._is_another(folder):
                self._report_loss(folder.name, before)
                before = _NEW
            self._hold(folder)
            found[folder.name] = _progress(folder, before)
        for name in self._known.journals.keys() - found:
            self._report_loss(name, self._known.journals[name])
        if self._store and self._store.exists() and self._store not in self._held:
            self._hold(self._store)
        known = Known(found, has_store=self._known.has_store or self._store in self._held)
        if known != self._known:
            self._known = known
            new = self._data_dir / f"{_FILE}.new"
            new.write_bytes(msgspec.json.encode(known))
            new.replace(self._data_dir / _FILE)

    def fault(self) -> str:
        """Return a text if the store's folder was deleted or moved while the store is in use; else an empty one."""
        if self._store and self._is_another(self._store):
            return f"{self._store} was deleted or moved while it is in use: stop dlrhub, and restore a backup"
        return ""

    def _is_another(self, folder: Path) -> bool:
        """Tell whether a folder is gone, or another folder has its name since the last look."""
        return folder in self._held and is_gone(self._held[folder], folder)

    def _hold(self, folder: Path) -> None:
        """Keep a folder open, so that no new folder can get its inode number."""
        held = self._held.pop(folder, None)
        if held is not None:
            os.close(held)
        self._held[folder] = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)

    def _report_loss(self, name: str, before: JournalProgress) -> None:
        lost = before.acknowledged - before.drained
        _log.error("the folder of a journal was deleted, moved or replaced", journal=name, lost_records=lost)
        if lost > 0:
            damage = Damage(
                journal=name,
                file="",
                start=0,
                first=before.drained + 1,
                records=lost,
                since=None,
                until=None,
                found_at=time.time(),
                kept="",
            )
            set_aside(self.journals, damage, b"")


def _progress(folder: Path, before: JournalProgress) -> JournalProgress:
    """Return a journal's positions; those that can't be read are as before."""
    mark, cursor = read_mark(folder), read_cursor(folder)
    return JournalProgress(
        mark.position if mark else before.acknowledged, cursor.position if cursor else before.drained
    )
