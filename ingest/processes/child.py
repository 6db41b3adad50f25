"""
Runs the work of a child process, and keeps in touch with the supervisor.

A child writes lines of JSON to its standard output: that it is ready, and its metrics once a second. It stops on
SIGTERM, or when its standard input ends: that is a pipe from the supervisor, so a child stops even if the supervisor is
killed. It ignores SIGINT, which a terminal sends to all processes at once.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any, Final

import orjson

from ingest import logs
from ingest.background import in_background
from ingest.metrics import catalogue
from normalizers.secrets import SecretMask

Part = Callable[[asyncio.Event], Coroutine[Any, Any, None]]

_SNAPSHOT_SECONDS: Final = 1.0


def run_child(name: str, part: Part, mask: SecretMask) -> None:
    """Run `part` in this process until it returns; it gets an event that is set when it has to stop."""
    logs.set_up(name, mask)
    try:
        import uvloop  # noqa: PLC0415 - if it is installed
    except ImportError:
        asyncio.run(_run(part))
    else:
        uvloop.run(_run(part))


def say_ready() -> None:
    """Tell the supervisor that this child has started to do its work."""
    _say({"ready": True})


def _say(message: dict[str, Any]) -> None:
    sys.stdout.buffer.write(orjson.dumps(message) + b"\n")
    sys.stdout.buffer.flush()


async def _run(part: Part) -> None:
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopping.set)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    loop.add_reader(sys.stdin.fileno(), _stop_at_end, loop, stopping)
    try:
        async with in_background(_send_metrics()):
            await part(stopping)
    finally:
        with contextlib.suppress(BrokenPipeError):
            _say({"metrics": catalogue.take_snapshot()})


async def _send_metrics() -> None:
    while True:
        await asyncio.sleep(_SNAPSHOT_SECONDS)
        # in a thread, because writing blocks while the supervisor reads nothing
        await asyncio.to_thread(_say, {"metrics": catalogue.take_snapshot()})


def _stop_at_end(loop: asyncio.AbstractEventLoop, stopping: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        loop.remove_reader(sys.stdin.fileno())
        stopping.set()
