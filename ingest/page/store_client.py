"""
The page's way to the store: ClickHouse's HTTP interface, whether a server's or the query interface's.

Two questions run at once, each within a time limit; all others wait their turn.
"""

import asyncio
import ssl
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

import aiohttp
import orjson
import structlog

from ingest.settings.settings import Settings

_log = structlog.get_logger(__name__)

Row = Mapping[str, Any]
#: Values bound to a question's `{name:Type}`.
Parameters = Mapping[str, str | int]

_AT_ONCE: Final = 2
_QUERY_SECONDS: Final = 20
_WAIT_SECONDS: Final = 25.0
_CONNECT_SECONDS: Final = 2.0
#: What a server is told; the query interface has limits of its own.
_SETTINGS: Final = {
    "max_execution_time": str(_QUERY_SECONDS),
    "max_threads": "2",
    "do_not_merge_across_partitions_select_final": "1",  # all copies of a report are in one partition
    "output_format_json_quote_64bit_integers": "0",
}
_TOO_SLOW: Final = ("TIMEOUT_EXCEEDED", "TOO_SLOW", "TOO_MANY_SIMULTANEOUS_QUERIES")


class StoreState(StrEnum):
    """How the store stands to the page."""

    OK = "ok"
    #: This command has none.
    NONE = "none"
    AWAY = "away"
    SLOW = "slow"
    REFUSED = "refused"


class StoreError(Exception):
    """The store did not answer; `state` says how."""

    def __init__(self, state: StoreState, text: str) -> None:
        """Say what it did instead."""
        super().__init__(text)
        self.state = state


class Asker:
    """Asks the store that the settings name."""

    def __init__(self, settings: Settings) -> None:
        """Take the address, and connect with the first question."""
        url = settings.clickhouse.url
        parts = urlsplit(url.get_secret_value() if url else f"http://{settings.query.listen}")
        self._url = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/"
        self._ssl = _trust(parse_qs(parts.query)) if parts.scheme == "https" else True
        self._headers = {"X-ClickHouse-User": unquote(parts.username or "default")}
        if parts.password:
            self._headers["X-ClickHouse-Key"] = unquote(parts.password)
        self._parameters = {"database": settings.clickhouse.database, "default_format": "JSONEachRow", **_SETTINGS}
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._session: aiohttp.ClientSession | None = None

    async def ask(self, sql: str, parameters: Parameters) -> list[Row]:
        """Return the rows that answer `sql`; raises `StoreError`."""
        try:
            async with asyncio.timeout(_WAIT_SECONDS), self._places:
                body = await self._post(sql, parameters)
        except TimeoutError:
            raise StoreError(StoreState.SLOW, "the store took too long") from None
        except (aiohttp.ClientError, OSError) as error:
            raise StoreError(StoreState.AWAY, f"the store can not be reached: {type(error).__name__}") from error
        return [orjson.loads(line) for line in body.splitlines()]

    async def _post(self, sql: str, parameters: Parameters) -> bytes:
        bound = {f"param_{name}": str(value) for name, value in parameters.items()}
        async with self._opened().post(
            self._url, params={**self._parameters, **bound}, data=sql.encode(), ssl=self._ssl
        ) as response:
            body = await response.read()
            if not response.ok or "X-ClickHouse-Exception-Code" in response.headers:
                _log.warning("the store did not answer the page", said=body[:300].decode("utf-8", "replace"))
                slow = any(name.encode() in body for name in _TOO_SLOW)
                code = response.headers.get("X-ClickHouse-Exception-Code", "")
                raise StoreError(
                    StoreState.SLOW if slow else StoreState.REFUSED,
                    "the store took too long" if slow else f"the store answers {response.status}, code {code}",
                )
            return body

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=_QUERY_SECONDS, connect=_CONNECT_SECONDS)
            self._session = aiohttp.ClientSession(timeout=timeout, headers=self._headers)
        return self._session

    async def close(self) -> None:
        """Disconnect."""
        if self._session is not None:
            await self._session.close()


def _trust(options: Mapping[str, list[str]]) -> ssl.SSLContext | bool:
    """Return whose certificates are taken: `ca_cert` and `verify` of the URL, as clickhouse-connect reads them."""
    if options.get("verify", ["true"])[0].lower() in {"false", "0"}:
        return False
    authority = options.get("ca_cert")
    return ssl.create_default_context(cafile=authority[0]) if authority else True
