"""`dlrhub query`: asks the ClickHouse server, or the running dlrhub, or opens the embedded store for one query."""

import asyncio
from typing import Final

from ingest.connections.clickhouse import QueryLimits, StoreClient, StoreError, StoreState, open_client
from ingest.settings.settings import Settings

_LIMITS: Final = QueryLimits(query_seconds=120, wait_seconds=125, threads=0)


async def ask(settings: Settings, sql: str, output_format: str) -> bytes:
    """
    Return the answer in a ClickHouse output format, unless `sql` names another.

    Raises `StoreError` if the store refuses the query or can't be reached, and `BusyError` if it can't be opened.
    """
    async with open_client(settings, _LIMITS) as store:
        try:
            return await store.query(sql, output_format)
        except StoreError as error:
            if settings.clickhouse.url is not None or error.state is not StoreState.AWAY:
                raise
    return await _ask_in_this_process(settings, sql, output_format)


async def _ask_in_this_process(settings: Settings, sql: str, output_format: str) -> bytes:
    """Open the embedded store, which no running dlrhub has open, and ask it through a query interface of its own."""
    from ingest.query.server import serve  # noqa: PLC0415 - needs the embedded engine
    from sinks.clickhouse.migrate import migrate  # noqa: PLC0415
    from sinks.clickhouse.store import engine_path, open_embedded  # noqa: PLC0415

    folder = settings.data_dir / "store"
    store = await asyncio.to_thread(open_embedded, folder, settings.clickhouse.database)
    try:
        await asyncio.to_thread(migrate, store)
        async with (
            serve(engine_path(folder), "127.0.0.1", 0, database=store.database) as port,
            StoreClient(f"http://127.0.0.1:{port}", store.database, _LIMITS) as client,
        ):
            return await client.query(sql, output_format)
    finally:
        store.close()
