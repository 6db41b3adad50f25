"""Posts reports at a steady rate, each until it is acknowledged."""

import threading
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from typing import Self

import orjson

from tests.waiting import wait_until

_TIMEOUT_SECONDS = 10.0
_RETRY_SECONDS = 0.1


class Client:
    """
    A client that posts numbered reports in arrays, each array until it is acknowledged.

    All reports below `acknowledged` are acknowledged, and those from `sent` on were never sent.
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
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Traffic:
    """Several clients that share a rate, and post while the context is open."""

    def __init__(self, port: Callable[[], int], *, reports_per_second: float, clients: int = 8, size: int = 10) -> None:
        """Post to `port()`, called before each array, because a restarted program may have another port."""
        self.clients = [Client(f"c{number}", size) for number in range(clients)]
        self.slowest_seconds = 0.0
        self._port = port
        self._every_seconds = clients * size / reports_per_second
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(client,)) for client in self.clients]

    @property
    def acknowledged(self) -> int:
        """The number of acknowledged reports."""
        return sum(client.acknowledged for client in self.clients)

    def acknowledged_ids(self) -> set[str]:
        """Return the message ids of the acknowledged reports."""
        return {f"{client.name}-{number}" for client in self.clients for number in range(client.acknowledged)}

    def sent_ids(self) -> set[str]:
        """Return the message ids of all reports that were sent."""
        return {f"{client.name}-{number}" for client in self.clients for number in range(client.sent)}

    def wait_for_more(self, count: int = 300) -> None:
        """Return once `count` more reports are acknowledged."""
        wanted = self.acknowledged + count
        wait_until(lambda: self.acknowledged >= wanted, seconds=120)

    def __enter__(self) -> Self:
        """Start."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, and wait for the requests in progress."""
        self._stopped.set()
        for thread in self._threads:
            thread.join(2 * _TIMEOUT_SECONDS)

    def _run(self, client: Client) -> None:
        next_at = time.monotonic()
        while not self._stopped.is_set():
            started = time.monotonic()
            client.deliver(self._port(), self._stopped)
            self.slowest_seconds = max(self.slowest_seconds, time.monotonic() - started)
            next_at = max(next_at + self._every_seconds, time.monotonic() - 1.0)  # makes up for at most one second
            self._stopped.wait(max(0.0, next_at - time.monotonic()))
        client.close()


def _item(message_id: str) -> dict[str, object]:
    return {"flag": 1, "mid": message_id, "mobile": "18983437011", "stat": "DELIVRD"}
