"""
Supervises the child processes: starts them, restarts those that die, and stops them.

They stop in the order in which reports flow through them, so that the last reports are still drained.
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
#: The exit status of a child that can't work with its settings (sysexits.h: EX_CONFIG).
UNUSABLE: Final = 78


class UnusableError(Exception):
    """A child can't work with the settings, so starting it again would not help."""


@dataclass
class Child:
    """
    A child process that is started again when it dies.

    It runs `python -m ingest` with `arguments`, may take `stop_seconds` to stop, and its metrics go into `totals`.
    """

    name: str
    arguments: Sequence[str]
    stop_seconds: float
    totals: Totals
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    process: asyncio.subprocess.Process | None = None
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)

    def fault(self) -> str:
        """Return a text if the process has not started, else an empty one."""
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
        command = (sys.executable, "-m", "ingest", *self.arguments)
        pipe = asyncio.subprocess.PIPE
        self.process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, limit=_LONGEST_LINE)
        assert self.process.stdout is not None  # noqa: S101 - it is a pipe
        async for line in self.process.stdout:
            self._read(line)
        self.ready.clear()
        self.totals.end(self.name)
        return await self.process.wait()

    def _read(self, line: bytes) -> None:
        """Read a line that the child wrote (see `ingest.processes.child`); the last one may be incomplete."""
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
