"""Opens the store that the settings name, embedded or a ClickHouse server, and brings its tables up to date."""

import asyncio
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import msgspec
import structlog
from clickhouse_connect.driver.exceptions import ClickHouseError

from ingest.settings.accounts import effective_accounts
from ingest.settings.errors import InvalidSettingsError
from ingest.settings.settings import Settings
from normalizers import PROVIDERS
from normalizers.code_rows import all_code_rows
from sinks.clickhouse.erasure import keep_old_parts
from sinks.clickhouse.migrate import Migration, migrate
from sinks.clickhouse.retention import apply_retention
from sinks.clickhouse.store import Store, open_embedded, open_server
from sinks.errors import BusyError, RefusedError
from sinks.stream import Topic

_log = structlog.get_logger(__name__)

#: Modules that `pip install dlrhub[embedded]` adds.
_EMBEDDED_PACKAGES: Final = ("chdb", "clickhouse_cityhash", "sqlglot")
_RETRY_SECONDS: Final = 2.0


def open_store(settings: Settings) -> Store:
    """Open the store; raises `BusyError` if it can't be reached, `RefusedError` if it refuses our credentials."""
    database, url = settings.clickhouse.database, settings.clickhouse.url
    if url is None:
        return open_embedded(store_folder(settings.data_dir), database, memory_mb=settings.clickhouse.memory_mb)
    return open_server(
        url.get_secret_value(),
        database,
        async_insert=settings.clickhouse.async_insert,
        cluster=settings.clickhouse.cluster,
    )


def require_embedded() -> None:
    """Raise `InvalidSettingsError` if the packages of the embedded store are not installed."""
    missing = [name for name in _EMBEDDED_PACKAGES if find_spec(name) is None]
    if missing:
        raise InvalidSettingsError(
            f"the embedded store is not installed ({', '.join(missing)} missing): install dlrhub with it, as in "
            "`pip install '.[embedded]'`, or set clickhouse.url"
        )


def store_folder(data_dir: Path) -> Path:
    """Return the folder of the embedded store."""
    return data_dir / "store"


def prepare(store: Store, settings: Settings) -> list[Migration]:
    """
    Bring the tables and their retention up to date, and return the migrations that were applied.

    Raises `BusyError` if the store can't do it now, `RefusedError` if another program's migrations were applied to it.
    """
    try:
        applied = migrate(store)
        keep_old_parts(store)
        accounts = ((account.provider.name, account.reading) for account in effective_accounts(settings))
        store.replace_codes([msgspec.to_builtins(row) for row in all_code_rows(PROVIDERS, accounts)])
        days = settings.privacy.retention_days
        apply_retention(store, {topic: getattr(days, topic.name.lower()) for topic in Topic})
    except ClickHouseError as error:
        raise BusyError(f"the tables can't be brought up to date: {error}") from error
    return applied


async def wait_for_store(settings: Settings, stopping: asyncio.Event) -> Store | None:
    """
    Open and prepare the store, waiting for a server that can't be reached; None if `stopping` is set first.

    Raises `InvalidSettingsError` if the server refuses our credentials, and `BusyError` if the embedded store can't
    be opened.
    """
    while not stopping.is_set():
        try:
            return await asyncio.to_thread(_open_prepared, settings)
        except RefusedError as error:
            raise InvalidSettingsError(str(error)) from None
        except BusyError as error:
            if settings.clickhouse.url is None:
                raise
            _log.warning("the store is away, and is waited for", error=str(error))
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), _RETRY_SECONDS)
    return None


def _open_prepared(settings: Settings) -> Store:
    store = open_store(settings)
    try:
        prepare(store, settings)
    except BaseException:
        store.close()
        raise
    return store
