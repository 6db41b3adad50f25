"""A real dlrhub on free ports."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

_ROOT = Path(__file__).parents[3]
_START_SECONDS = 60.0


@dataclass
class Dlrhub:
    """A running dlrhub, its folder, and where its doors are."""

    folder: Path
    receiver: str
    query: str


RunDlrhub = Callable[[str], Awaitable[Dlrhub]]


async def run_command(folder: Path, *arguments: str) -> tuple[int, str, str]:
    """Run a command in a folder, and return its exit status, standard output and standard error."""
    process = await _start(folder, *arguments)
    output, errors = await process.communicate()
    return process.returncode or 0, output.decode(), errors.decode()


async def _start(folder: Path, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "ingest",
        *arguments,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


async def _ready(admin: str) -> None:
    async with asyncio.timeout(_START_SECONDS), aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(f"http://{admin}/readyz") as response:
                    if response.ok:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.1)


@pytest.fixture
async def run_dlrhub(tmp_path: Path) -> AsyncIterator[RunDlrhub]:
    """Run dlrhub with these settings beside those of its doors."""
    running: list[asyncio.subprocess.Process] = []

    async def run(settings: str) -> Dlrhub:
        receiver, admin, query = (f"127.0.0.1:{port}" for port in _free_ports(3))
        doors = f'[receiver]\nlisten = "{receiver}"\n[admin]\nlisten = "{admin}"\n[query]\nlisten = "{query}"\n'
        (tmp_path / "dlrhub.toml").write_text(doors + settings, encoding="utf-8")
        process = await _start(tmp_path, "run")
        running.append(process)
        await _ready(admin)
        return Dlrhub(tmp_path, f"http://{receiver}", f"http://{query}")

    yield run
    for process in running:
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.communicate(), 20)
