"""
Read-only connections to the embedded engine, within limits of time, memory and rows.

They stand beside the store's own connection, in the same process and on the same path (a process has one engine).
`readonly = 2` leaves some ways open in the engine (settings, `INTO OUTFILE`, the function `file`); the query guard
refuses them.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import chdb

from sinks.clickhouse.memory import DEFAULT_MB, INSERTS_BYTES, query_bytes
from sinks.errors import BusyError, SinkError

T = TypeVar("T")

_MEMORY_LIMIT_EXCEEDED: Final = 241
_NARROW: Final = (
    " (dlrhub: the query needs more memory than there is for queries now. Bound it by received_at in reports, by minute in"
    " stats, by first_received_at or submitted_at in messages; or name fewer columns, or group by fewer values)"
)

#: How much longer than its time a query may take to notice that it is over, before it is killed.
_GRACE_SECONDS: Final = 2.0


class QueryError(SinkError):
    """The engine did not answer: ClickHouse's error code (`system.errors`), and its text as it came."""

    def __init__(self, code: int, text: str) -> None:
        """Keep the engine's code and text."""
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """
    How much a query may take, and how many run at once.

    `memory_bytes` is for all queries together: a lone one may take all of it, and where several want more, the largest
    is stopped. A result over `result_rows` or `result_bytes` (as columns, before it is written in its format) is an
    error, never cut off. A query that runs on `stuck_seconds` after its time although it was killed is stuck: the engine
    checks for a kill between blocks of rows, and one call of some functions takes minutes.
    """

    connections: int = 4
    wait_seconds: float = 10.0
    query_seconds: int = 30
    stuck_seconds: float = 10.0
    memory_bytes: int = query_bytes(DEFAULT_MB)
    result_rows: int = 1_000_000
    result_bytes: int = 256 * 1024**2
    threads: int = 2


class Result(NamedTuple):
    """The engine's answer in the requested format, and its cost."""

    body: bytes
    rows: int
    read_rows: int
    read_bytes: int
    seconds: float


class Connection:
    """One connection to the engine, for one thread at a time."""

    def __init__(self, path: str, tag: str, settings: Mapping[str, object]) -> None:
        """Connect, and fix the settings: `tag` is how a running query is found again."""
        self.tag = tag
        self._engine = chdb.connect(path)
        for name, value in {"log_comment": tag, "session_timezone": "UTC", **settings}.items():
            self.query(f"SET {name} = '{value}'")

    def query(
        self, sql: str, output_format: str = "TabSeparated", parameters: Mapping[str, str] | None = None
    ) -> Result:
        """Run one statement; raises `QueryError`."""
        try:
            result = self._engine.query(sql, output_format, params=parameters)
        except RuntimeError as error:
            self._drain()
            raise _query_error(str(error)) from None
        return Result(
            result.bytes() or b"",
            result.rows_read(),
            result.storage_rows_read(),
            result.storage_bytes_read(),
            result.elapsed(),
        )

    def _drain(self) -> None:
        """Throw away what a failed query had written: chDB 26.9 answers the next query with it."""
        self._engine.query("SELECT 1", "Null")

    def reads_only(self, sql: str) -> bool:
        """Tell whether the engine's own parser takes this for a single statement that only reads."""
        report = self._engine._conn.classify_query(sql)  # noqa: SLF001 - the public face has no parser
        return bool(report["query_class"].name == "READ_ONLY" and report["statement_count"] == 1)

    def close(self) -> None:
        """Disconnect."""
        self._engine.close()


class ReadOnlyEngine:
    """A few read-only connections to the engine at `path`, and the threads that they work in."""

    def __init__(self, path: Path, database: str = "dlr", limits: Limits | None = None) -> None:
        """
        Connect with `database`, which has to exist, as every connection's own.

        Raises `QueryError` if the database or the engine can't be had.
        """
        self.database = database
        self.limits = limits or Limits()
        place = str(path.resolve())  # the engine compares paths letter by letter
        self.own = Connection(place, "dlrhub query interface", {})  # not for questions of others: it is not confined
        self._connections = [self._open(place, number) for number in range(self.limits.connections)]
        self._idle: asyncio.Queue[Connection] = asyncio.Queue()
        for connection in self._connections:
            self._idle.put_nowait(connection)
        #: Set where a query does not end: only the end of the process ends it.
        self.stuck = asyncio.Event()
        self._ending: set[asyncio.Task[None]] = set()
        self._unkilled: set[Connection] = set()
        self._places = asyncio.Semaphore(self.limits.connections)
        self._threads = ThreadPoolExecutor(self.limits.connections, "query")
        self._own_thread = ThreadPoolExecutor(1, "query-kill")

    def _open(self, path: str, number: int) -> Connection:
        connection = Connection(path, f"dlrhub query interface {number}", self._settings())
        connection.query(f"USE `{self.database}`")
        connection.query("SET readonly = 2")  # a query may bring settings; which ones, the query guard decides
        return connection

    def _settings(self) -> Mapping[str, object]:
        limits = self.limits
        return {
            "max_execution_time": limits.query_seconds,
            "max_memory_usage": limits.memory_bytes,
            "max_memory_usage_for_user": limits.memory_bytes + INSERTS_BYTES,  # the engine has one user
            "max_result_rows": limits.result_rows,
            "max_result_bytes": limits.result_bytes,
            "result_overflow_mode": "throw",
            "max_threads": limits.threads,
            "allow_introspection_functions": 0,  # on by default in chDB
            "allow_ddl": 0,
        }

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """
        Hold a place for one query, from its start to the last byte of its answer.

        Raises `BusyError` if none is free in time, at once where all of them are held by queries that don't end.
        """
        if len(self._unkilled) >= self.limits.connections:
            raise BusyError("every connection has a query that was told to end and has not")
        try:
            async with asyncio.timeout(self.limits.wait_seconds):
                await self._places.acquire()
        except TimeoutError:
            raise BusyError(f"{self.limits.connections} queries run already") from None
        try:
            yield
        finally:
            self._places.release()

    async def run(self, work: Callable[[Connection], T]) -> T:
        """
        Do `work` in a thread, with a connection; raises `BusyError` if none is free in time.

        If the work takes too long (TimeoutError), or nobody waits for it any more, its query is killed.
        """
        try:
            async with asyncio.timeout(self.limits.wait_seconds):
                connection = await self._idle.get()
        except TimeoutError:
            raise BusyError("every connection has a query that was told to end and has not") from None
        running = asyncio.get_running_loop().run_in_executor(self._threads, work, connection)
        try:
            async with asyncio.timeout(self.limits.query_seconds + _GRACE_SECONDS):
                return await asyncio.shield(running)
        finally:
            if running.done():
                self._take_back(connection, running)
            else:
                ending = asyncio.create_task(self._end(connection, running))
                self._ending.add(ending)
                ending.add_done_callback(self._ending.discard)

    async def _end(self, connection: Connection, running: asyncio.Future[Any]) -> None:
        """Take a connection back once its work is killed: not before, or the kill could hit the next query."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.limits.stuck_seconds
        while not running.done():
            killing = loop.run_in_executor(self._own_thread, self._kill, connection.tag)
            await asyncio.wait([running, killing], timeout=_GRACE_SECONDS)
            await asyncio.wait([running], timeout=_GRACE_SECONDS)
            if not running.done():
                self._unkilled.add(connection)
                if loop.time() > deadline:
                    self.stuck.set()
        self._unkilled.discard(connection)
        self._take_back(connection, running)

    def _take_back(self, connection: Connection, running: asyncio.Future[Any]) -> None:
        if not running.cancelled():
            running.exception()  # for asyncio, which reports an exception that nobody saw
        self._idle.put_nowait(connection)

    def _kill(self, tag: str) -> None:
        self.own.query(f"KILL QUERY WHERE Settings['log_comment'] = '{tag}' ASYNC")

    async def close(self) -> None:
        """Disconnect, once the queries that run are killed; if one does not end soon, set `stuck` and leave them."""
        if self._ending:
            _, running = await asyncio.wait(self._ending, timeout=_GRACE_SECONDS)
            if running:
                self.stuck.set()
                return
        self._threads.shutdown()
        self._own_thread.shutdown()
        for connection in (*self._connections, self.own):
            connection.close()


def _query_error(text: str) -> QueryError:
    code = re.search(r"Code: (\d+)", text)
    if code and int(code[1]) == _MEMORY_LIMIT_EXCEEDED:
        text += _NARROW
    return QueryError(int(code[1]) if code else 0, text[code.start() :] if code else text)
