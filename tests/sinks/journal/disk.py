"""
A simulated power loss: records a run's file operations, and makes the files that a crash at any moment may leave.

Synced bytes survive. Of bytes that were written and not synced, each sector of 512 bytes survives or not, in any
combination, and the file's size may be anything up to the end of the last write. Files that were created or deleted in a
folder since its last sync are each there or not.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest

_SECTOR: Final = 512


class Recording:
    """A run's operations on the files below a folder, in order; `note` adds events of the run itself."""

    def __init__(self, root: Path) -> None:
        """Begin without events."""
        self.root = root
        self.events: list[tuple[Any, ...]] = []
        self._paths: dict[int, str] = {}
        self._lock = threading.Lock()

    def note(self, *event: Any) -> None:
        """Add an event."""
        with self._lock:
            self.events.append(event)

    @contextmanager
    def recording(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        """Record every operation that changes files or makes them durable."""
        with monkeypatch.context() as patch:
            patch.setattr(os, "open", self._opening(os.open))
            for name in ("pwrite", "ftruncate", "fdatasync", "fsync"):
                patch.setattr(os, name, self._on_file(name, getattr(os, name)))
            for name in ("mkdir", "unlink"):
                patch.setattr(os, name, self._on_name(name, getattr(os, name)))
            for name in ("write", "writev", "pwritev", "rename", "replace", "truncate", "link"):
                patch.setattr(os, name, _unknown(name))
            yield

    def _opening(self, real: Callable[..., int]) -> Callable[..., int]:
        def opened(path: Any, flags: int, mode: int = 0o777, **given: Any) -> int:
            full = self.root / self._paths[given["dir_fd"]] / path if "dir_fd" in given else Path(path)
            new = bool(flags & os.O_CREAT) and not full.exists()
            file = real(path, flags, mode, **given)
            self._paths[file] = self._name(full)
            if new:
                self.note("create", self._name(full))
            return file

        return opened

    def _on_file(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def called(file: int, *given: Any) -> Any:
            done = real(file, *given)
            self.note("sync" if name.endswith("sync") else name, self._paths[file], *given)
            return done

        return called

    def _on_name(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def called(path: Any, *given: Any, **options: Any) -> Any:
            done = real(path, *given, **options)
            self.note(name, self._name(path))
            return done

        return called

    def _name(self, path: Any) -> str:
        return os.path.relpath(os.fspath(path), self.root)


def _unknown(name: str) -> Callable[..., Any]:
    def called(*_: Any, **__: Any) -> Any:
        raise AssertionError(f"os.{name} is not recorded")

    return called


class _File:
    """The durable bytes of a file, and those written to it since."""

    def __init__(self, *, is_folder: bool) -> None:
        self.is_folder = is_folder
        self.content = bytearray()
        self.durable = b""
        self.written: list[tuple[int, bytes]] = []

    def write(self, content: bytes, start: int) -> None:
        end = start + len(content)
        self.content.extend(bytes(max(0, end - len(self.content))))
        self.content[start:end] = content
        self.written.append((start, content))

    def truncate(self, size: int) -> None:
        del self.content[size:]
        self.written.append((size, b""))

    def sync(self) -> None:
        self.durable, self.written = bytes(self.content), []

    def after_crash(self, chance: Random) -> bytes:
        """Return the durable bytes with a random choice of the sectors written since."""
        if not self.written:
            return self.durable
        left = bytearray(self.durable)
        share = chance.choice((0.0, 0.1, 0.5, 0.9, 1.0))
        for start, content in self.written:
            if not content and chance.random() < share:
                del left[start:]
            end = start + len(content)
            for sector in range(start - start % _SECTOR, end, _SECTOR):
                first, last = max(start, sector), min(end, sector + _SECTOR)
                if chance.random() < share:
                    left.extend(bytes(max(0, last - len(left))))
                    left[first:last] = content[first - start : last - start]
        longest = max(start + len(content) for start, content in self.written)
        left.extend(bytes(chance.choice((0, max(0, longest - len(left))))))
        return bytes(left)


class Disk:
    """The disk of a recording: replays its events, then writes what a crash may leave."""

    def __init__(self) -> None:
        """Begin with an empty disk."""
        self._names: dict[str, _File] = {}
        self._durable: dict[str, _File] = {}
        self._unsynced: list[tuple[str, _File | None]] = []

    def replay(self, event: tuple[Any, ...]) -> None:
        """Repeat an event."""
        match event:
            case "create" | "mkdir" as kind, name:
                self._names[name] = _File(is_folder=kind == "mkdir")
                self._unsynced.append((name, self._names[name]))
            case "unlink", name:
                del self._names[name]
                self._unsynced.append((name, None))
            case "pwrite", name, content, start:
                self._names[name].write(bytes(content), start)
            case "ftruncate", name, size:
                self._names[name].truncate(size)
            case "sync", name if name in self._names and not self._names[name].is_folder:
                self._names[name].sync()
            case "sync", folder:
                self._sync_folder(folder)
            case _:
                pass  # an event of the run itself

    def _sync_folder(self, folder: str) -> None:
        for name, file in self._unsynced:
            if _folder(name) == folder:
                self._set(self._durable, name, file)
        self._unsynced = [each for each in self._unsynced if _folder(each[0]) != folder]

    @staticmethod
    def _set(names: dict[str, _File], name: str, file: _File | None) -> None:
        if file is None:
            names.pop(name, None)
        else:
            names[name] = file

    def crash(self, chance: Random, target: Path) -> None:
        """Write into `target` the files that a crash may leave."""
        names = dict(self._durable)
        share = chance.choice((0.0, 0.5, 1.0))
        for name, file in self._unsynced:
            if chance.random() < share:
                self._set(names, name, file)
        for name, left in names.items():
            if _folder(name) not in {".", *names}:
                continue  # its folder is gone
            if left.is_folder:
                (target / name).mkdir(exist_ok=True)
            else:
                (target / name).parent.mkdir(exist_ok=True)
                (target / name).write_bytes(left.after_crash(chance))


def _folder(name: str) -> str:
    return str(Path(name).parent)
