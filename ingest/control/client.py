"""Sends a command to the running store process over the control socket."""

import asyncio
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from ingest.control.protocol import LONGEST_LINE, socket_path
from sinks.errors import BusyError, SinkError


class NotRunningError(SinkError):
    """No store process works on this data."""


def is_running(data_dir: Path) -> bool:
    """Tell whether a store process answers in `data_dir`."""
    try:
        with socket_path(data_dir) as path, socket.socket(socket.AF_UNIX) as connection:
            connection.connect(path)
    except OSError:
        return False
    return True


async def request(data_dir: Path, command: str, arguments: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """
    Send a command to the store process that works in `data_dir`, and return the result.

    Raises `NotRunningError` if there is no such process, `BusyError` if the command failed or the process ended.
    """
    try:
        with socket_path(data_dir) as path:
            reader, writer = await asyncio.open_unix_connection(path, limit=LONGEST_LINE)
    except OSError as error:
        raise NotRunningError(f"no dlrhub with an embedded store runs in {data_dir}") from error
    try:
        writer.write(orjson.dumps({"command": command, "arguments": arguments or {}}) + b"\n")
        line = await reader.readline()
    except ConnectionError:
        line = b""
    finally:
        writer.close()
    if not line:
        raise BusyError(f"{command}: the store process ended before it was done")
    answer: dict[str, Any] = orjson.loads(line)
    if "error" in answer:
        raise BusyError(f"{command}: {answer['error']}")
    result: dict[str, Any] = answer["result"]
    return result
