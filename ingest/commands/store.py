"""Gives a command the store: a server's or a running dlrhub's, else the embedded store, opened in this process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from typing import Final

from ingest.connections.clickhouse import QueryLimits, StoreClient, StoreError, StoreState, open_client, store_url
from ingest.connections.stores import store_folder
from ingest.settings.settings import Settings

_LIMITS: Final = QueryLimits(query_seconds=120, wait_seconds=125, threads=0)


@asynccontextmanager
async def any_store(settings: Settings) -> AsyncIterator[StoreClient]:
    """
    Yield a client of the store: of the server or the running dlrhub, else of the embedded store, opened here.

    Raises `StoreError` if it can't be reached, and `BusyError` if it can't be opened.
    """
    async with open_client(settings, _LIMITS) as client:
        try:
            await client.value("SELECT 1")
        except StoreError as error:
            if settings.clickhouse.url is not None or error.state is not StoreState.AWAY:
                raise
        else:
            yield client
            return
    if not store_folder(settings.data_dir).exists():
        raise StoreError(
            StoreState.AWAY,
            f"no dlrhub answers at {store_url(settings)}, and {settings.data_dir} holds no store: "
            "start one with `dlrhub run`, or give its settings with --config",
        )
    async with _own_store(settings) as client:
        yield client


@asynccontextmanager
async def _own_store(settings: Settings) -> AsyncIterator[StoreClient]:
    """Open the embedded store, which no running dlrhub has open, and serve it to this command on a free port."""
    from ingest.query.server import serve  # noqa: PLC0415 - needs the embedded engine
    from sinks.clickhouse.memory import query_bytes  # noqa: PLC0415
    from sinks.clickhouse.migrate import migrate  # noqa: PLC0415
    from sinks.clickhouse.readonly import Limits  # noqa: PLC0415
    from sinks.clickhouse.store import engine_path, open_embedded  # noqa: PLC0415

    folder, memory_mb = store_folder(settings.data_dir), settings.clickhouse.memory_mb
    limits = Limits(memory_bytes=query_bytes(memory_mb))
    opening = asyncio.to_thread(open_embedded, folder, settings.clickhouse.database, memory_mb=memory_mb)
    with closing(await opening) as store:
        await asyncio.to_thread(migrate, store)
        async with (
            serve(engine_path(folder), "127.0.0.1", 0, database=store.database, limits=limits) as port,
            StoreClient(f"http://127.0.0.1:{port}", store.database, _LIMITS) as client,
        ):
            yield client
