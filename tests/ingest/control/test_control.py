"""The promise of the control socket: a command is done by the process that serves it, and its failure is told."""

import asyncio
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ingest.control.client import NotRunningError, request
from ingest.control.protocol import NAME
from ingest.control.server import serve
from sinks.errors import BusyError, RefusedError


async def add(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """Add two numbers."""
    return {"sum": arguments["a"] + arguments["b"]}


async def refuse(_: Mapping[str, Any]) -> Mapping[str, Any]:
    """Fail in a way that is told."""
    raise RefusedError("no room")


COMMANDS = {"add": add, "refuse": refuse}


async def test_a_command_is_carried_out(tmp_path: Path) -> None:
    """The caller of a command gets its result."""
    async with serve(tmp_path, COMMANDS):
        assert await request(tmp_path, "add", {"a": 1, "b": 2}) == {"sum": 3}


@pytest.mark.parametrize(
    ("command", "arguments", "text"),
    [("refuse", {}, "no room"), ("nothing", {}, "the commands are: add, refuse"), ("add", {}, "KeyError: see the log")],
)
async def test_a_failure_is_told(tmp_path: Path, command: str, arguments: dict[str, Any], text: str) -> None:
    """The caller of a failed or unknown command gets the reason, and the next command is done."""
    async with serve(tmp_path, COMMANDS):
        with pytest.raises(BusyError, match=text):
            await request(tmp_path, command, arguments)
        assert await request(tmp_path, "add", {"a": 1, "b": 2}) == {"sum": 3}


async def test_nobody_listens_where_nothing_runs(tmp_path: Path) -> None:
    """A command finds out that no process runs, even if a killed one left its socket; a new process can serve there."""
    with pytest.raises(NotRunningError):
        await request(tmp_path, "add")
    async with serve(tmp_path, COMMANDS):
        pass
    with pytest.raises(NotRunningError):
        await request(tmp_path, "add")
    (tmp_path / NAME).touch()
    with pytest.raises(NotRunningError):
        await request(tmp_path, "add")
    async with serve(tmp_path, COMMANDS):
        assert await request(tmp_path, "add", {"a": 1, "b": 2}) == {"sum": 3}


async def test_only_its_user_may_open_the_socket(tmp_path: Path) -> None:
    """Other users of the machine can't send commands."""
    async with serve(tmp_path, COMMANDS):
        assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o600


async def test_a_long_path_is_no_obstacle(tmp_path: Path) -> None:
    """The folder's path may be longer than that of a socket."""
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    async with serve(folder, COMMANDS):
        assert await request(folder, "add", {"a": 1, "b": 2}) == {"sum": 3}


async def test_strangers_end_nothing(tmp_path: Path) -> None:
    """The socket survives malformed requests and clients that hang up."""
    async with serve(tmp_path, COMMANDS):
        for line in (b"", b"not JSON\n", b"[]\n", b"\xff\n"):
            reader, writer = await asyncio.open_unix_connection(str(tmp_path / NAME))
            writer.write(line)
            writer.write_eof()
            await reader.read()
            writer.close()
        assert await request(tmp_path, "add", {"a": 1, "b": 2}) == {"sum": 3}
