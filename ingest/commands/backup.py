"""`dlrhub backup` and `dlrhub restore`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import msgspec

from ingest.backup.copying import add_backup, backups_in, drop_old
from ingest.backup.restoring import refuse_unfinished
from ingest.backup.restoring import restore as restore_backup
from ingest.backup.snapshot import Snapshot, drop_snapshot, take_snapshot
from ingest.connections.data_dir import locked
from ingest.connections.stores import open_store, store_folder
from ingest.control.client import NotRunningError, request
from ingest.settings.errors import InvalidSettingsError
from ingest.settings.settings import Settings
from sinks.clickhouse.store import engine_path
from sinks.errors import RefusedError


async def backup(settings: Settings, folder: Path, keep: int) -> None:
    """Add a backup to a folder, and delete all but the latest `keep`; dlrhub may run."""
    _require_embedded(settings)
    refuse_unfinished(settings.data_dir)
    try:
        async with _snapshot(settings) as snapshot:
            done = await asyncio.to_thread(add_backup, folder, snapshot)
            await asyncio.to_thread(drop_old, folder, keep)
    except OSError as error:
        raise RefusedError(f"backup to {folder}: {error}") from error
    print(f"backed up to {done}")


def restore(settings: Settings, folder: Path) -> None:
    """Restore a backup, or the latest one in a folder of backups, into `data_dir`, which has to be empty."""
    _require_embedded(settings)
    found = [folder] if (folder / "manifest.json").exists() else backups_in(folder)
    if not found:
        raise RefusedError(f"{folder} has no backup")
    with locked(settings.data_dir, ("receivers", "poller", "store")):
        try:
            restore_backup(found[-1], settings.data_dir, settings.clickhouse.database)
        except (OSError, msgspec.DecodeError) as error:
            raise RefusedError(f"restore of {found[-1]}: {error}") from error
    print(f"restored {found[-1].name} into {settings.data_dir}")


@asynccontextmanager
async def _snapshot(settings: Settings) -> AsyncIterator[Snapshot]:
    """Yield a snapshot: the running store process takes it, or else this process opens the store and takes it."""
    try:
        taken = await request(settings.data_dir, "take_snapshot")
    except NotRunningError:
        with locked(settings.data_dir, ("store",)):
            yield await asyncio.to_thread(_take_alone, settings)
            drop_snapshot(engine_path(store_folder(settings.data_dir)), settings.data_dir)
        return
    yield msgspec.convert(taken, Snapshot, dec_hook=lambda kind, value: kind(value))
    await request(settings.data_dir, "drop_snapshot")


def _take_alone(settings: Settings) -> Snapshot:
    with closing(open_store(settings)) as store:
        return take_snapshot(store, engine_path(store_folder(settings.data_dir)), settings.data_dir)


def _require_embedded(settings: Settings) -> None:
    if settings.clickhouse.url is not None:
        raise InvalidSettingsError("clickhouse.url: a server's tables are backed up by ClickHouse's own BACKUP")
