"""`dlrhub query`: asks the server, or the embedded store through the query interface that is running, or one of its own."""

import asyncio
from typing import Final

import aiohttp

from ingest.settings.settings import Settings

_TIMEOUT: Final = aiohttp.ClientTimeout(total=120, connect=2)


class QuestionError(Exception):
    """The store did not answer; the text is its own."""


async def ask(settings: Settings, sql: str, output_format: str) -> bytes:
    """
    Return the answer in a ClickHouse output format.

    Raises `QuestionError` where the store refuses the question, and `BusyError` where it can't be opened.
    """
    if settings.clickhouse.url is not None:
        return await asyncio.to_thread(_ask_server, settings, sql, output_format)
    try:
        return await _ask_interface(settings.query.listen, settings, sql, output_format)
    except aiohttp.ClientConnectorError:
        return await _ask_own_interface(settings, sql, output_format)


def _ask_server(settings: Settings, sql: str, output_format: str) -> bytes:
    from clickhouse_connect.driver.exceptions import ClickHouseError  # noqa: PLC0415 - quick help does without it

    from ingest.connections.stores import open_store  # noqa: PLC0415

    store = open_store(settings)
    try:
        store.client.database = store.database
        return store.client.raw_query(sql, fmt=output_format)
    except ClickHouseError as error:
        raise QuestionError(str(error)) from None
    finally:
        store.close()


async def _ask_interface(address: str, settings: Settings, sql: str, output_format: str) -> bytes:
    parameters = {"default_format": output_format, "database": settings.clickhouse.database}
    async with (
        aiohttp.ClientSession(timeout=_TIMEOUT) as session,
        session.post(f"http://{address}/", params=parameters, data=sql.encode()) as response,
    ):
        body = await response.read()
        if not response.ok:
            raise QuestionError(body.decode("utf-8", "replace").strip())
        return body


async def _ask_own_interface(settings: Settings, sql: str, output_format: str) -> bytes:
    """Open the store in this process, since no other has it, for one question."""
    from ingest.query.server import serve  # noqa: PLC0415 - needs the embedded engine
    from sinks.clickhouse.migrate import migrate  # noqa: PLC0415
    from sinks.clickhouse.store import engine_path, open_embedded  # noqa: PLC0415

    folder = settings.data_dir / "store"
    store = await asyncio.to_thread(open_embedded, folder, settings.clickhouse.database)
    try:
        await asyncio.to_thread(migrate, store)
        async with serve(engine_path(folder), "127.0.0.1", 0, database=store.database) as port:
            return await _ask_interface(f"127.0.0.1:{port}", settings, sql, output_format)
    finally:
        store.close()
