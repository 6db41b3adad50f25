"""Providers that post to a running program, and remember the acknowledged reports."""

import threading
import time

import orjson

from tests.program.running import Program
from tests.waiting import wait_until


class Providers:
    """
    Sixteen clients that post arrays of three reports, each again until it is acknowledged.

    A client pauses for `pause_seconds` between two arrays.
    """

    def __init__(self, program: Program, *, pause_seconds: float = 0) -> None:
        self.program = program
        self.slowest_seconds = 0.0
        self._pause_seconds = pause_seconds
        self.acknowledged: set[str] = set()
        self.sent: set[str] = set()
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._post, args=(number,)) for number in range(16)]

    def start(self) -> None:
        """Start to post."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop posting."""
        self._stopped.set()
        for thread in self._threads:
            thread.join(30)

    def wait_for_more(self, count: int = 300) -> None:
        """Return once `count` more reports are acknowledged."""
        wanted = len(self.acknowledged) + count
        wait_until(lambda: len(self.acknowledged) >= wanted, seconds=120)

    def _post(self, number: int) -> None:
        count = 0
        while not self._stopped.is_set():
            ids = [f"k{number}-{count}-{item}" for item in range(3)]
            count += 1
            self._deliver(ids)
            self._stopped.wait(self._pause_seconds)

    def _deliver(self, ids: list[str]) -> None:
        """Post one array until it is acknowledged."""
        items = [{"flag": 1, "mid": mid, "mobile": "18983437011", "stat": "DELIVRD"} for mid in ids]
        self.sent.update(ids)
        while not self._stopped.is_set():
            started = time.monotonic()
            status, answer = self.program.callback("juhe", orjson.dumps(items))
            self.slowest_seconds = max(self.slowest_seconds, time.monotonic() - started)
            if (status, answer) == (200, b"OK"):
                self.acknowledged.update(ids)
                return
            time.sleep(0.02)
