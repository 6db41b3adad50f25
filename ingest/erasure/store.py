"""Takes a number out of the store: through the process that has it open, or in this one."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from ingest.connections.data_dir import locked
from ingest.connections.stores import open_store, prepare
from ingest.control.client import NotRunningError, request
from ingest.control.server import Command, Say
from ingest.settings.settings import Settings
from sinks.clickhouse.erasure import ErasedTable, erase
from sinks.clickhouse.store import Store

#: The name of the command on the control socket.
ERASE: Final = "erase"


async def erase_from_store(settings: Settings, number: str, stored_as: Sequence[str]) -> list[ErasedTable]:
    """
    Erase a number from every table.

    Raises `BusyError` where the store is away or does not remove its old files, and `RefusedError` where it does not
    let us in.
    """
    if settings.clickhouse.url is not None:
        return await asyncio.to_thread(_erase_here, settings, number, stored_as)
    try:
        result = await request(settings.data_dir, ERASE, {"number": number, "stored_as": list(stored_as)})
    except NotRunningError:
        with locked(settings.data_dir, ("store",)):
            return await asyncio.to_thread(_erase_here, settings, number, stored_as)
    return msgspec.convert(result["tables"], list[ErasedTable])


def erase_command(open_connection: Callable[[], Store]) -> Command:
    """Return the store process' side: it erases through a connection of its own, beside the drain's."""

    async def run(arguments: Mapping[str, Any], _say: Say) -> Mapping[str, Any]:
        def work() -> list[ErasedTable]:
            store = open_connection()
            try:
                return erase(store, arguments["number"], arguments["stored_as"])
            finally:
                store.close()

        return {"tables": msgspec.to_builtins(await asyncio.to_thread(work))}

    return run


def _erase_here(settings: Settings, number: str, stored_as: Sequence[str]) -> list[ErasedTable]:
    store = open_store(settings)
    try:
        prepare(store, settings)
        return erase(store, number, stored_as)
    finally:
        store.close()
