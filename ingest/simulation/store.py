"""The store, asked over HTTP: the query interface of an embedded one, or a ClickHouse server."""

from collections.abc import AsyncIterator
from typing import Any, Final, Self

import aiohttp
import orjson

_TIMEOUT: Final = aiohttp.ClientTimeout(total=300, connect=5)


class StoreError(Exception):
    """The store could not be asked, or did not answer the question; the text is its own."""


class Store:
    """Asks one database; an asynchronous context manager."""

    def __init__(self, url: str, database: str) -> None:
        """Ask `database` of the server at `url`."""
        self._url = url
        self.database = database

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=_TIMEOUT)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def rows(self, sql: str) -> AsyncIterator[list[Any]]:
        """Yield the rows of an answer, one at a time; raises `StoreError`."""
        parameters = {"default_format": "JSONCompactEachRow", "database": self.database}
        try:
            async with self._session.post(self._url, params=parameters, data=sql.encode()) as response:
                if not response.ok:
                    raise StoreError((await response.text()).strip())
                async for line in response.content:
                    yield orjson.loads(line)
        except (aiohttp.ClientError, TimeoutError, orjson.JSONDecodeError) as error:
            raise StoreError(f"{type(error).__name__}: {error}") from error

    async def value(self, sql: str) -> Any:
        """Return the one value of an answer; raises `StoreError`."""
        [row] = [row async for row in self.rows(sql)]
        return row[0]
