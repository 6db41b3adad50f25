"""
The client that reads from the store over HTTP: from a ClickHouse server, or the query interface of a running dlrhub.

The status page, the pollers, `dlrhub query` and `dlrhub simulate` use it. clickhouse-connect reads the URL, so
`?ca_cert=`, `?verify=` and its other options work everywhere.
"""

import asyncio
import re
from collections import deque
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple, Self
from urllib.parse import urlsplit

import clickhouse_connect
import orjson
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.exceptions import ClickHouseError, scrub_error_details

from ingest.settings.settings import Settings
from sinks.clickhouse.servers import another_may_serve
from sinks.clickhouse.urls import server_urls
from sinks.errors import SinkError

Row = Mapping[str, Any]
#: Values bound to `{name:Type}` in a query.
Parameters = Mapping[str, str | int | Sequence[str]]

_CONNECT_SECONDS: Final = 2
_TOO_SLOW: Final = frozenset({"TIMEOUT_EXCEEDED", "TOO_SLOW", "TOO_MANY_SIMULTANEOUS_QUERIES"})
#: ClickHouse's own text within clickhouse-connect's error.
_SERVER_TEXT: Final = re.compile(r"server response: (.*?)(?: \(for url [^)]*\))?$", re.DOTALL)


class StoreState(StrEnum):
    """Whether the store answers, and if not, why."""

    OK = "ok"
    NONE = "none"  # this command has no store
    AWAY = "away"
    WAITING = "waiting"  # it has been asked, and has not answered yet
    SLOW = "slow"
    REFUSED = "refused"


class StoreError(SinkError):
    """The store did not answer; the text says why."""

    def __init__(self, state: StoreState, text: str) -> None:
        super().__init__(text)
        self.state = state


class QueryLimits(NamedTuple):
    """
    Limits on a client's queries.

    At most `at_once` queries run at the same time, each for at most `query_seconds`, or `wait_seconds` together with
    the wait for its turn. A ClickHouse server uses `threads` for a query (0: its own default). The first request has to
    be answered within `connect_seconds`.
    """

    at_once: int = 2
    query_seconds: int = 20
    wait_seconds: float = 25.0
    threads: int = 2
    connect_seconds: float = 5.0


def store_url(settings: Settings) -> str:
    """Return the store's URL: the ClickHouse servers of the settings, else this machine's query interface."""
    if settings.clickhouse.url is not None:
        return settings.clickhouse.url.get_secret_value()
    return f"http://{settings.query.listen}"


DEFAULT_LIMITS: Final = QueryLimits()


def open_client(settings: Settings, limits: QueryLimits = DEFAULT_LIMITS) -> "StoreClient":
    """Return a client of the store that the settings name."""
    server_settings = {
        "max_execution_time": limits.query_seconds,
        "max_threads": limits.threads,
        "do_not_merge_across_partitions_select_final": 1,  # all copies of a report are in one partition
        "output_format_json_quote_64bit_integers": 0,
    }
    embedded = settings.clickhouse.url is None  # its query interface has limits of its own
    return StoreClient(store_url(settings), settings.clickhouse.database, limits, {} if embedded else server_settings)


class StoreClient:
    """
    Reads from `database` at one of the servers of `url`, and from the next one when that can't be reached.

    It connects with the first query. Those of `settings` that its user may change are sent with every query.
    """

    def __init__(
        self, url: str, database: str, limits: QueryLimits = DEFAULT_LIMITS, settings: Mapping[str, int] | None = None
    ) -> None:
        self.database = database
        self._urls = deque(server_urls(url))
        self._limits = limits
        self._settings = dict(settings or {})
        self._turns = asyncio.Semaphore(limits.at_once)
        self._connecting = asyncio.Lock()
        self._client: AsyncClient | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def rows(self, sql: str, parameters: Parameters | None = None) -> list[Row]:
        """Return an answer's rows by column name; raises `StoreError`."""
        body = await self.query(sql, "JSONEachRow", parameters)
        return [orjson.loads(line) for line in body.splitlines()]

    async def value(self, sql: str) -> Any:
        """Return the single value of an answer; raises `StoreError`."""
        [row] = await self.rows(sql)
        [value] = row.values()
        return value

    async def query(self, sql: str, output_format: str, parameters: Parameters | None = None) -> bytes:
        """Return an answer in a ClickHouse output format, unless `sql` names another; raises `StoreError`."""
        try:
            async with asyncio.timeout(self._limits.wait_seconds), self._turns:
                for others in reversed(range(len(self._urls))):
                    url = self._urls[0]
                    try:
                        return await self._ask(sql, output_format, dict(parameters or {}))
                    except (ClickHouseError, OSError) as error:  # a TimeoutError is an OSError
                        if not others or not another_may_serve(error):
                            raise
                        await self._use_next_server(url)
        except TimeoutError:
            raise StoreError(StoreState.SLOW, self._why_late()) from None
        except (ClickHouseError, OSError) as error:
            raise _explained(error) from error
        raise AssertionError("there is at least one server")

    async def _ask(self, sql: str, output_format: str, parameters: dict[str, Any]) -> bytes:
        client = await self._connected()
        async with asyncio.timeout(self._limits.query_seconds + _CONNECT_SECONDS):
            return await client.raw_query(
                sql,
                parameters=parameters,
                settings=self._settings,
                transport_settings={"X-ClickHouse-Format": output_format},
            )

    async def _use_next_server(self, failed: str) -> None:
        """Ask the next server from now on, unless another query has changed the server already."""
        if self._urls[0] == failed:
            self._urls.rotate(-1)
            await self.close()

    async def close(self) -> None:
        """Disconnect."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    def _why_late(self) -> str:
        if self._client is not None:
            return "the store took too long"
        address = urlsplit(self._urls[0]).netloc.rpartition("@")[2]
        return f"the store at {address} takes the connection and does not answer"

    async def _connected(self) -> AsyncClient:
        async with asyncio.timeout(self._limits.connect_seconds), self._connecting:
            if self._client is None:
                self._client = await clickhouse_connect.get_async_client(
                    dsn=self._urls[0],
                    interface=urlsplit(self._urls[0]).scheme,
                    database=self.database,
                    connect_timeout=_CONNECT_SECONDS,
                    send_receive_timeout=self._limits.query_seconds,
                    query_retries=0,
                    compress=False,
                    client_name="dlrhub",
                    show_clickhouse_errors=True,
                )
                known = self._client.server_settings
                self._settings = {
                    name: value for name, value in self._settings.items() if name in known and not known[name].readonly
                }
            return self._client


def _explained(error: Exception) -> StoreError:
    name = getattr(error, "name", None)
    if name in _TOO_SLOW:
        return StoreError(StoreState.SLOW, "the store took too long")
    if name is None and getattr(error, "code", None) is None:
        return StoreError(StoreState.AWAY, f"the store can't be reached: {type(error.__cause__ or error).__name__}")
    said = _SERVER_TEXT.search(str(error))
    return StoreError(StoreState.REFUSED, scrub_error_details(said[1] if said else str(error)))
