"""
What every child process shares: how it starts, says that it is ready, and stops.

A child stops when it gets SIGTERM, or when its standard input ends: the supervisor holds the other end, so a child
never outlives it, even where the supervisor is killed. It ignores SIGINT, which a terminal sends to the whole group.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any, Final

from ingest import logs

READY: Final = "ready"

Part = Callable[[asyncio.Event], Coroutine[Any, Any, None]]


def run_child(name: str, part: Part) -> None:
    """Run `part`, which returns soon after the event it is given is set, as this process's whole work."""
    logs.set_up(name)
    try:
        import uvloop  # noqa: PLC0415 - where available
    except ImportError:
        asyncio.run(_run(part))
    else:
        uvloop.run(_run(part))


def say_ready() -> None:
    """Tell the supervisor that this child does its work from now on."""
    sys.stdout.write(READY + "\n")
    sys.stdout.flush()


async def _run(part: Part) -> None:
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopping.set)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    loop.add_reader(sys.stdin.fileno(), _stop_at_end, loop, stopping)
    await part(stopping)


def _stop_at_end(loop: asyncio.AbstractEventLoop, stopping: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        loop.remove_reader(sys.stdin.fileno())
        stopping.set()
