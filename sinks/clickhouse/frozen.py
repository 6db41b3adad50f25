"""
The parts of the embedded store's tables: frozen for a backup, and attached by a restore.

A part is a folder of files that never change. `FREEZE` makes hard links to all parts of a table, in no time and while
the store is used. (`BACKUP` can't be used: chDB has no setting for where it may write to.)
"""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from sinks.clickhouse.store import Store

_FROZEN: Final = "dlrhub"
#: The table of migrations is written by the migrations themselves.
_NOT_KEPT: Final = ("migrations",)


def freeze(store: Store, engine: Path) -> dict[str, list[Path]]:
    """Freeze every table; return its parts' folders, below the engine's, by the table's full name."""
    thaw(engine)
    frozen = {}
    for table, data in _tables(store, engine).items():
        store.client.command(f"ALTER TABLE {table} FREEZE WITH NAME '{_FROZEN}'")
        folder = engine / "shadow" / _FROZEN / data.relative_to(engine.absolute())
        frozen[table] = sorted(path for path in folder.glob("*") if path.is_dir())
    return frozen


def thaw(engine: Path) -> None:
    """Delete what was frozen."""
    shutil.rmtree(engine / "shadow" / _FROZEN, ignore_errors=True)


def attach(store: Store, engine: Path, parts: Mapping[str, Sequence[tuple[str, Path]]]) -> None:
    """Copy parts, each a name and a folder, into the tables of a migrated store, which have to be empty."""
    for table, data in _tables(store, engine).items():
        for name, folder in sorted(parts.get(table, ()), key=lambda part: _number(part[0])):
            shutil.copytree(folder, data / "detached" / name)
            store.client.command(f"ALTER TABLE {table} ATTACH PART '{name}'")


def _tables(store: Store, engine: Path) -> dict[str, Path]:
    """Return the data folder of every table that a backup holds, by the table's full name."""
    found = store.client.query(
        "SELECT database, name, data_paths[1] FROM system.tables WHERE database IN ({names:Array(String)})"
        " AND engine LIKE '%MergeTree' AND name NOT IN ({left:Array(String)}) ORDER BY database, name",
        parameters={"names": [store.database, store.internal], "left": list(_NOT_KEPT)},
    )
    return {f"{database}.{name}": engine.absolute() / path for database, name, path in found.result_rows}


def _number(part: str) -> int:
    """Return the number of the first block in a part: of two copies of a row, that of the later block stays."""
    return int(part.split("_")[1])
