"""Providers that post at a steady rate, and know what was acknowledged without remembering every id."""

import threading
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from typing import Self

import orjson

_TIMEOUT_SECONDS = 10.0
_RETRY_SECONDS = 0.1


class Client:
    """
    One provider. Its reports are numbered, and an array is posted again until it is acknowledged.

    So all reports below `acknowledged` are acknowledged, and none from `sent` on was ever sent.
    """

    def __init__(self, name: str, size: int) -> None:
        """Post arrays of `size` reports."""
        self.name = name
        self.acknowledged = 0
        self.sent = 0
        self.tries = 0
        self._size = size
        self._connection: HTTPConnection | None = None

    def deliver(self, port: int, stopped: threading.Event) -> None:
        """Post the next array until it is acknowledged, or the traffic stops."""
        self.sent = self.acknowledged + self._size
        body = orjson.dumps([_item(f"{self.name}-{number}") for number in range(self.acknowledged, self.sent)])
        while not stopped.is_set():
            self.tries += 1
            if self._post(port, body):
                self.acknowledged = self.sent
                return
            stopped.wait(_RETRY_SECONDS)

    def _post(self, port: int, body: bytes) -> bool:
        try:
            connection = self._connection or HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_SECONDS)
            self._connection = connection
            connection.request("POST", "/callbacks/juhe", body)
            answer = connection.getresponse()
            return (answer.read(), answer.status) == (b"OK", 200)
        except (OSError, HTTPException):
            self.close()
            return False

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Traffic:
    """Several clients that share a rate; a context that posts while it is open."""

    def __init__(self, port: Callable[[], int], *, reports_per_second: float, clients: int = 8, size: int = 10) -> None:
        """Post to `port()`, asked before each array since a program that is started again may have another one."""
        self.clients = [Client(f"c{number}", size) for number in range(clients)]
        self.slowest_seconds = 0.0
        self._port = port
        self._every_seconds = clients * size / reports_per_second
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(client,)) for client in self.clients]

    @property
    def acknowledged(self) -> int:
        """How many reports were acknowledged."""
        return sum(client.acknowledged for client in self.clients)

    def __enter__(self) -> Self:
        """Start."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, and wait for what is under way."""
        self._stopped.set()
        for thread in self._threads:
            thread.join(2 * _TIMEOUT_SECONDS)

    def _run(self, client: Client) -> None:
        next_at = time.monotonic()
        while not self._stopped.is_set():
            started = time.monotonic()
            client.deliver(self._port(), self._stopped)
            self.slowest_seconds = max(self.slowest_seconds, time.monotonic() - started)
            next_at = max(
                next_at + self._every_seconds, time.monotonic() - 1.0
            )  # after an outage a second is made up for
            self._stopped.wait(max(0.0, next_at - time.monotonic()))
        client.close()


def _item(message_id: str) -> dict[str, object]:
    return {"flag": 1, "mid": message_id, "mobile": "18983437011", "stat": "DELIVRD"}
