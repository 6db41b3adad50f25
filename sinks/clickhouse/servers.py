"""
Connections to the servers of one store.

One server is used until it can't be reached or can't serve, then the next one in the list, and after the last one the
first.
"""

from collections import deque
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from sinks.clickhouse.urls import server_urls
from sinks.errors import BusyError, RefusedError, SinkError

_CONNECT_SECONDS: Final = 5
INSERT_SECONDS: Final = 20

#: Errors, by ClickHouse's names, of a server that another one may not have.
_ITS_OWN: Final = frozenset(
    {
        "ABORTED",
        "ALL_CONNECTION_TRIES_FAILED",
        "KEEPER_EXCEPTION",
        "NETWORK_ERROR",
        "NO_ZOOKEEPER",
        "TABLE_IS_READ_ONLY",
        "TOO_MANY_SIMULTANEOUS_QUERIES",
    }
)
_CREDENTIALS: Final = frozenset({"AUTHENTICATION_FAILED", "REQUIRED_PASSWORD", "UNKNOWN_USER", "WRONG_PASSWORD"})


def another_may_serve(error: Exception) -> bool:
    """Tell whether an error is this one server's: it gave no answer of ClickHouse's own, or one that says so."""
    if isinstance(error, ClickHouseError):
        name = getattr(error, "name", None)
        return name in _ITS_OWN or (name is None and getattr(error, "code", None) is None)
    return isinstance(error, OSError)


class Servers:
    """Connects to one of several servers."""

    def __init__(self, url: str, settings: Mapping[str, object]) -> None:
        """Begin with the first host of `url`; `settings` are sent with every statement."""
        self._urls = deque(server_urls(url))
        self._settings = dict(settings)

    def connect(self) -> Client:
        """
        Return a connection to the first server that answers.

        Raises `RefusedError` if a server does not let us in, and `BusyError` if none can be reached.
        """
        failure: SinkError = BusyError("clickhouse: no server is named")
        for _ in range(len(self._urls)):
            try:
                return self._connect(self._urls[0])
            except BusyError as error:
                failure = error
                self._urls.rotate(-1)
        raise failure

    def connect_elsewhere(self) -> Client | None:
        """Return a connection to another server; None if there is no other, or none can be reached now."""
        if len(self._urls) == 1:
            return None
        self._urls.rotate(-1)
        try:
            return self.connect()
        except SinkError:
            return None

    def _connect(self, url: str) -> Client:
        try:
            return clickhouse_connect.get_client(
                dsn=url,
                interface=urlsplit(url).scheme,
                connect_timeout=_CONNECT_SECONDS,
                send_receive_timeout=INSERT_SECONDS,
                query_retries=0,  # the drain tries again, and says so
                autogenerate_session_id=False,
                client_name="dlrhub",
                show_clickhouse_errors=True,  # their names are what tells a row's fault from the store's
                settings=self._settings,
            )
        except ClickHouseError as error:
            name = getattr(error, "name", None)
            if name in _CREDENTIALS:
                raise RefusedError(f"clickhouse: the server does not let us in: {name}") from None
            raise BusyError(f"clickhouse: {name}" if name else "clickhouse: the server can't be reached") from error
