"""
Restores a backup into an empty `data_dir`.

The folder holds a file `restoring` during the restore. If a restore was interrupted, the next one starts again from the
beginning, and dlrhub refuses to start until one has finished.
"""

import os
import shutil
from contextlib import closing
from pathlib import Path
from typing import Final

import typer

from ingest.backup.copying import read_manifest
from ingest.settings.errors import InvalidSettingsError
from sinks.clickhouse.frozen import attach
from sinks.clickhouse.migrate import migrate, migrations
from sinks.clickhouse.store import engine_path, open_embedded
from sinks.errors import RefusedError

_RESTORING: Final = "restoring"
#: Files that an empty `data_dir` may have: the locks that the restore itself holds.
_LOCKS: Final = "*.lock"


def refuse_unfinished(data_dir: Path) -> None:
    """Raise `InvalidSettingsError` if a restore was interrupted."""
    if (data_dir / _RESTORING).exists():
        raise InvalidSettingsError(f"data_dir = {data_dir}: a restore was interrupted: run `dlrhub restore` again")


def restore(backup: Path, data_dir: Path, database: str) -> None:
    """Restore a backup; raises `RefusedError` if `data_dir` is not empty, or the backup is of another version."""
    locks = set(data_dir.glob(_LOCKS))
    found = [path for path in data_dir.iterdir() if path not in locks]
    if found and not (data_dir / _RESTORING).exists():
        raise RefusedError(f"{data_dir} is not empty: restore into a new folder (data_dir in the settings)")
    (data_dir / _RESTORING).touch()
    for path in found:
        if path.name != _RESTORING:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    _restore_tables(backup, data_dir / "store", database)
    for path in backup.iterdir():
        if path.is_dir():
            shutil.copytree(path, data_dir / path.name)
        elif path.suffix == ".db":
            shutil.copyfile(path, data_dir / path.name)
    os.sync()  # or a power loss could leave half of the files without the file `restoring`
    (data_dir / _RESTORING).unlink()


def _restore_tables(backup: Path, folder: Path, database: str) -> None:
    manifest = read_manifest(backup)
    known = {migration.name: migration for migration in migrations()}
    for name, checksum in manifest.migrations.items():
        if name not in known or known[name].checksum != checksum:
            raise RefusedError(f"{backup}: made by a version of dlrhub with a migration that this one lacks: {name}")
    with closing(open_embedded(folder, database)) as store:
        migrate(store, wanted=[known[name] for name in manifest.migrations])
        for table, names in manifest.parts.items():
            kept = backup.parent.parent / "parts" / table
            attach(store, engine_path(folder), {table: [(name.rpartition("-")[0], kept / name) for name in names]})
            typer.echo(f"{table}: {len(names)} parts")
