"""
Looks for damage in the embedded store: reads each part of its tables once, slowly, and compares it with its checksums.

ClickHouse notices a damaged part only when a query or a merge reads it, which may be months after the disk lost it. A
part never changes once it is written, so that one look at each is enough until a day has passed, or until the engine
itself meets damage.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from sinks.clickhouse.readonly import Connection, QueryError

_ROUND_SECONDS: Final = 20.0
_AGAIN_SECONDS: Final = 24 * 3600.0
#: How much longer than a check the pause after it is: nine tenths of the disk's time stay for others.
_PAUSES: Final = 9.0
_NO_SUCH: Final = frozenset({60, 81, 232})  # table, database, part: it was dropped or merged meanwhile

_ACTIVE_SQL: Final = "SELECT database, table, name FROM system.parts WHERE active AND database NOT IN ('system')"
_SET_ASIDE_SQL: Final = "SELECT database, table, name FROM system.detached_parts WHERE reason LIKE '%broken%'"
_ERRORS_SQL: Final = (
    "SELECT sum(value) FROM system.errors WHERE name IN ('CHECKSUM_DOESNT_MATCH', 'CORRUPTED_DATA', 'CANNOT_DECOMPRESS',"
    " 'CANNOT_READ_ALL_DATA', 'TOO_LARGE_SIZE_COMPRESSED')"
)


class Part(NamedTuple):
    """One part of a table."""

    database: str
    table: str
    name: str


class PartChecker:
    """Checks the parts of an engine that this process has open; `damaged` are those that can't be read."""

    def __init__(
        self,
        path: Path,
        found: Callable[[Part, str], None],
        counted: Callable[[int], None],
        *,
        round_seconds: float = _ROUND_SECONDS,
    ) -> None:
        """Call `found` with each damaged part and its fault, and `counted` with their number after each round."""
        self.damaged: set[Part] = set()
        self._path = str(path.resolve())
        self._found = found
        self._counted = counted
        self._round_seconds = round_seconds
        self._checked_at: dict[Part, float] = {}
        self._errors = ""

    async def run(self) -> None:
        """Check until cancelled."""
        connection = await asyncio.to_thread(Connection, self._path, "dlrhub part check", {})
        try:
            while True:
                with suppress(QueryError):  # a busy engine: the next round comes soon
                    await self._round(connection)
                await asyncio.sleep(self._round_seconds)
        finally:
            connection.close()

    async def _round(self, connection: Connection) -> None:
        active = await asyncio.to_thread(_parts, connection, _ACTIVE_SQL)
        errors = await asyncio.to_thread(_text, connection, _ERRORS_SQL)
        if errors != self._errors:
            self._checked_at = {}
        due = [
            part for part in active if time.monotonic() - self._checked_at.get(part, -_AGAIN_SECONDS) >= _AGAIN_SECONDS
        ]
        set_aside = await asyncio.to_thread(_parts, connection, _SET_ASIDE_SQL)
        self._keep(self.damaged & {*active, *set_aside})
        for part in set(set_aside) - self.damaged:
            self._note(part, "set aside by the engine as broken")
        for part in due:
            await self._check(connection, part)
        self._errors = await asyncio.to_thread(_text, connection, _ERRORS_SQL)  # those that the checks made included

    async def _check(self, connection: Connection, part: Part) -> None:
        started = time.monotonic()
        fault = await asyncio.to_thread(_fault, connection, part)
        self._checked_at[part] = time.monotonic()
        if fault and part not in self.damaged:
            self._note(part, fault)
        elif not fault:
            self._keep(self.damaged - {part})
        await asyncio.sleep(_PAUSES * (time.monotonic() - started))

    def _note(self, part: Part, fault: str) -> None:
        self._found(part, fault)
        self._keep({*self.damaged, part})

    def _keep(self, damaged: set[Part]) -> None:
        self.damaged = damaged
        self._counted(len(damaged))


def _fault(connection: Connection, part: Part) -> str:
    """Return what is wrong with a part; empty if nothing is, or where it is not there any more."""
    table, name = f"`{part.database}`.`{part.table}`", part.name.replace("'", "\\'")
    try:
        answer = _text(connection, f"CHECK TABLE {table} PART '{name}' SETTINGS check_query_single_value_result = 0")
    except QueryError as error:
        return "" if error.code in _NO_SUCH else str(error)
    faults = [row.split("\t") for row in answer.splitlines()]
    return next((fault for _, passed, fault in faults if passed == "0"), "")


def _parts(connection: Connection, sql: str) -> list[Part]:
    return [Part(*row.split("\t")) for row in _text(connection, sql).splitlines()]


def _text(connection: Connection, sql: str) -> str:
    return connection.query(sql).body.decode()
