"""`dlrhub query`: asks the ClickHouse server, or the running dlrhub, or opens the embedded store itself."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from ingest.commands.output import clickhouse_format, has_no_rows, is_binary
from ingest.commands.usage import UsageError
from ingest.connections.clickhouse import QueryLimits, StoreClient, StoreError, StoreState, open_client, store_url
from ingest.connections.stores import store_folder
from ingest.settings.settings import Settings

_LIMITS: Final = QueryLimits(query_seconds=120, wait_seconds=125, threads=0)


async def print_answer(settings: Settings, sql: str, format_name: str) -> None:
    """
    Print the answer to one query, and say on the standard error where it has no rows.

    Raises `UsageError` for a binary format on a terminal, `StoreError` if the store refuses the query or can't be
    reached, and `BusyError` if it can't be opened.
    """
    output_format = clickhouse_format(format_name)
    if is_binary(output_format) and sys.stdout.isatty():
        raise UsageError(f"{format_name} is binary: send it to a file, as in `dlrhub query ... > rows.{format_name}`")
    async with reachable_store(settings) as store:
        body = await store.query(sql, output_format)
    sys.stdout.buffer.write(body)
    sys.stdout.buffer.flush()
    if has_no_rows(body, output_format):
        sys.stderr.write("no rows\n")


def read_sql(argument: str | None, file: Path | None) -> str | None:
    """Return the SQL of the argument, the file, or the standard input; None where a person is to type it."""
    if argument is not None and file is not None:
        raise UsageError("give the SQL as an argument or with --file, not both")
    if file is not None:
        try:
            return sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{file}: can't be read: {error}") from None
    if argument is not None:
        return argument
    return None if sys.stdin.isatty() else sys.stdin.read()


@asynccontextmanager
async def reachable_store(settings: Settings) -> AsyncIterator[StoreClient]:
    """
    Yield a client of the store: of the server or the running dlrhub, else of the embedded store, opened here.

    Raises `StoreError` where it can't be reached, and `BusyError` where it can't be opened.
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
    if not store_folder(settings).exists():
        raise StoreError(
            StoreState.AWAY,
            f"no dlrhub answers at {store_url(settings)}, and {settings.data_dir} holds no store: "
            "start one with `dlrhub run`, or give its settings with --config",
        )
    async with _own_store(settings) as client:
        yield client


@asynccontextmanager
async def _own_store(settings: Settings) -> AsyncIterator[StoreClient]:
    """Open the embedded store, which no running dlrhub has open, behind a query interface of its own."""
    from ingest.query.server import serve  # noqa: PLC0415 - needs the embedded engine
    from sinks.clickhouse.migrate import migrate  # noqa: PLC0415
    from sinks.clickhouse.store import engine_path, open_embedded  # noqa: PLC0415

    folder = store_folder(settings)
    store = await asyncio.to_thread(open_embedded, folder, settings.clickhouse.database)
    try:
        await asyncio.to_thread(migrate, store)
        async with (
            serve(engine_path(folder), "127.0.0.1", 0, database=store.database) as port,
            StoreClient(f"http://127.0.0.1:{port}", store.database, _LIMITS) as client,
        ):
            yield client
    finally:
        store.close()
