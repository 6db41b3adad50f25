"""
Adds a backup to a folder of backups.

    parts/<table>/<part>-<hash>/    the parts of ClickHouse tables, each stored once for all backups
    backups/<time>/                 one backup: `manifest.json`, and all files that are no parts
    *.partial                       left by a backup that was interrupted; the next backup deletes it

Only parts that are not in the folder yet are copied. A backup is written under the ending `.partial`, and renamed when
it is complete.
"""

import hashlib
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
import typer

from ingest.backup.snapshot import Snapshot
from sinks.journal.positions import sync_folder

_PARTIAL: Final = ".partial"
_MANIFEST: Final = "manifest.json"


class Manifest(msgspec.Struct, frozen=True):
    """The content of a backup: the names of each table's folders in `parts/<table>`, and the migrations' checksums."""

    taken_at: datetime
    migrations: dict[str, str]
    parts: dict[str, list[str]]


def add_backup(folder: Path, snapshot: Snapshot) -> Path:
    """Copy a snapshot into a folder of backups; return the new backup's own folder. Raises `OSError`."""
    at = datetime.now(UTC)
    new = folder / "backups" / f"{at:%Y%m%dT%H%M%S.%fZ}{_PARTIAL}"
    new.parent.mkdir(parents=True, exist_ok=True)
    for left in new.parent.glob(f"*{_PARTIAL}"):
        shutil.rmtree(left)
    manifest = Manifest(at, snapshot.migrations, {})
    for table, parts in snapshot.parts.items():
        manifest.parts[table] = [_copy_part(folder, table, part) for part in parts]
        typer.echo(f"{table}: {len(parts)} parts")
    shutil.copytree(snapshot.files, new)
    (new / _MANIFEST).write_bytes(msgspec.json.encode(manifest))
    _sync_tree(new)
    done = new.with_suffix("")
    new.rename(done)
    sync_folder(done.parent)
    return done


def backups_in(folder: Path) -> list[Path]:
    """Return the complete backups, the latest last."""
    return sorted(path for path in (folder / "backups").glob("*/") if path.suffix != _PARTIAL)


def read_manifest(backup: Path) -> Manifest:
    """Return a backup's manifest; raises `OSError` or `msgspec.DecodeError`."""
    return msgspec.json.decode((backup / _MANIFEST).read_bytes(), type=Manifest)


def drop_old(folder: Path, keep: int) -> None:
    """Delete all but the latest `keep` backups, and the parts that none of them needs."""
    backups = backups_in(folder)
    for old in backups[:-keep]:
        shutil.rmtree(old)
    manifests = [read_manifest(backup) for backup in backups[-keep:]]
    for table in (folder / "parts").glob("*/"):
        wanted = {part for manifest in manifests for part in manifest.parts.get(table.name, ())}
        for part in table.iterdir():
            if part.name not in wanted:
                shutil.rmtree(part)


def _copy_part(folder: Path, table: str, part: Path) -> str:
    """Copy a part into the folder unless it is there, and return its name there, which tells its content by a hash."""
    content = hashlib.sha256((part / "checksums.txt").read_bytes()).hexdigest()[:16]
    target = folder / "parts" / table / f"{part.name}-{content}"
    if not target.exists():
        partial = target.with_name(f"{target.name}{_PARTIAL}")
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(part, partial)
        _sync_tree(partial)
        partial.rename(target)
        sync_folder(target.parent)
    return target.name


def _sync_tree(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        file = os.open(path, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)
