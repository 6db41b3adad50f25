"""
The supervisor: a small parent over the processes that do the work.

It starts them, restarts those that die, and stops them in the order in which reports flow, so that the last reports are
still drained. The engine of the embedded store never shares a process with a receiver.
"""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import orjson
import structlog

from ingest.metrics.series import Totals
from sinks.backoff import Backoff

_log = structlog.get_logger(__name__)

_FIRST_PAUSE_SECONDS: Final = 0.2
_LONGEST_PAUSE_SECONDS: Final = 10.0
_STEADY_SECONDS: Final = 30.0
_LONGEST_LINE: Final = 16 * 1024 * 1024
#: A child that ends with this status can't work with the settings it has (sysexits.h: EX_CONFIG).
UNUSABLE: Final = 78


class UnusableError(Exception):
    """A child can't do its work as it is set up; starting it again is no use."""


@dataclass
class Child:
    """
    One process, kept alive.

    `arguments` are those of `python -m ingest`; `stop_seconds` is how long it may take to stop; its metrics go
    into `totals`.
    """

    name: str
    arguments: Sequence[str]
    stop_seconds: float
    totals: Totals
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    process: asyncio.subprocess.Process | None = None
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)

    def fault(self) -> str:
        """Say that the process has not started; empty if it has."""
        return "" if self.ready.is_set() else "not started"

    async def keep_alive(self) -> None:
        """Run the process, and again whenever it ends, until it is stopped; raises `UnusableError`."""
        backoff = Backoff(_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS)
        loop = asyncio.get_running_loop()
        while not self._stopping.is_set():
            started = loop.time()
            status = await self._run()
            if self._stopping.is_set():
                return
            if status == UNUSABLE:
                raise UnusableError(self.name)
            if loop.time() - started > _STEADY_SECONDS:
                backoff.reset()
            pause = backoff.pause()
            _log.error("a process died and is started again", name=self.name, status=status, in_seconds=round(pause, 1))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    async def stop(self) -> None:
        """Send SIGTERM, and SIGKILL if the process does not end in time."""
        self._stopping.set()
        process = self.process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), self.stop_seconds)
            except TimeoutError:
                _log.warning("a process took too long to stop and is killed", name=self.name)
                process.kill()
                await process.wait()

    async def _run(self) -> int:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "ingest",
            *self.arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_LONGEST_LINE,
        )
        assert self.process.stdout is not None  # noqa: S101 - it was asked for
        async for line in self.process.stdout:
            self._heard(line)
        self.ready.clear()
        self.totals.bury(self.name)
        return await self.process.wait()

    def _heard(self, line: bytes) -> None:
        """Read a line of the child (`ingest.processes.child`); the last line of one that dies may be incomplete."""
        with contextlib.suppress(orjson.JSONDecodeError):
            said = orjson.loads(line)
            if "metrics" in said:
                self.totals.update(self.name, said["metrics"])
            elif "ready" in said:
                self.ready.set()


async def supervise(stages: Sequence[Sequence[Child]], stopping: asyncio.Event) -> None:
    """
    Keep every child alive until `stopping` is set, then stop them stage by stage, in the order given.

    Raises `UnusableError` if a child can't work with the settings, after stopping the others.
    """
    children = [child for stage in stages for child in stage]
    tasks = [asyncio.create_task(child.keep_alive()) for child in children]
    stop = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait([*tasks, stop], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for stage in stages:
            await asyncio.gather(*(child.stop() for child in stage))
        stop.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
