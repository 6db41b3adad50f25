"""Carries out the commands that come over the control socket, in the store process."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import structlog

from ingest.control.protocol import LONGEST_LINE, NAME, socket_path
from sinks.errors import SinkError

_log = structlog.get_logger(__name__)

#: Takes a request's arguments, and returns the result; a `SinkError` becomes the answer's error.
Command = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]


@asynccontextmanager
async def serve(data_dir: Path, commands: Mapping[str, Command]) -> AsyncIterator[None]:
    """Answer requests for `commands` on the socket in `data_dir`."""
    (data_dir / NAME).unlink(missing_ok=True)  # a killed process left it: the store's lock lets only one run
    before = os.umask(0o177)
    try:
        with socket_path(data_dir) as path:
            server = await asyncio.start_unix_server(partial(_converse, commands), path, limit=LONGEST_LINE)
    finally:
        os.umask(before)
    try:
        yield
    finally:
        server.close()
        with suppress(FileNotFoundError):
            (data_dir / NAME).unlink()


async def _converse(
    commands: Mapping[str, Command], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    try:
        writer.write(orjson.dumps(await _answer(await reader.readline(), commands)) + b"\n")
        await writer.drain()
    except (ConnectionError, ValueError):
        pass  # the client has gone, or sent no command
    finally:
        writer.close()


async def _answer(line: bytes, commands: Mapping[str, Command]) -> Mapping[str, Any]:
    try:
        request = orjson.loads(line)
        command = commands[request["command"]]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return {"error": f"not a request; the commands are: {', '.join(commands)}"}
    try:
        return {"result": await command(request.get("arguments", {}))}
    except SinkError as error:
        return {"error": str(error)}
    except Exception as error:  # noqa: BLE001 - no error of a command may stop the drain
        _log.exception("a command failed", command=request["command"])
        return {"error": f"{type(error).__name__}: see the log of dlrhub"}
