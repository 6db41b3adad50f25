"""Erases a number from the store: in the running store process, or in this process if there is none."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Any, Final

import msgspec

from ingest.connections.data_dir import locked
from ingest.connections.stores import open_store, prepare
from ingest.control.client import NotRunningError, request
from ingest.control.server import Command
from ingest.settings.settings import Settings
from sinks.clickhouse.erasure import ErasedTable, erase
from sinks.clickhouse.store import Store

#: The name of the command on the control socket.
ERASE: Final = "erase"


async def erase_from_store(settings: Settings, number: str, stored_as: Sequence[str]) -> list[ErasedTable]:
    """
    Erase a number from every table.

    Raises `BusyError` if the store can't be reached or keeps its old files, `RefusedError` if it refuses our login.
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
    """Return the command for the control socket; it opens a connection of its own, so that the drain can go on."""

    async def run(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        def work() -> list[ErasedTable]:
            with closing(open_connection()) as store:
                return erase(store, arguments["number"], arguments["stored_as"])

        return {"tables": msgspec.to_builtins(await asyncio.to_thread(work))}

    return run


def _erase_here(settings: Settings, number: str, stored_as: Sequence[str]) -> list[ErasedTable]:
    with closing(open_store(settings)) as store:
        prepare(store, settings)
        return erase(store, number, stored_as)
