"""
The audit: everything that was acknowledged has to be in the store once, and nothing that was not sent.

It reads the store in ranges of message ids, so that its memory is bounded, and compares whole rows: those of
`dlr.reports`, `dlr.inbound` and `dlr.dead_letters` with the ledger, those of `dlr.messages` with what the ledger's
reports add up to, and the sum of `dlr.stats` with `dlr.reports`.
"""
# ruff: noqa: S608  (what goes into a statement: names of ours, names that the settings allow, hexadecimal digits)

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Final

from ingest.connections.clickhouse import StoreClient
from ingest.simulation.compare import Tally, compare, compare_totals, messages_of
from ingest.simulation.ledger import Ledger, RecordKind, Row
from ingest.simulation.plan import stem
from ingest.simulation.targets import Line

_RANGE: Final = 20_000
_PAUSE_SECONDS: Final = 0.5
_TRIES: Final = 5

_COLUMNS: Final = {
    RecordKind.REPORTS: (
        "message_id, recipient, country, status, reason, provider_status, provider_code, toUnixTimestamp(occurred_at)"
    ),
    RecordKind.INBOUND: "message_id, sender, recipient, content, toUnixTimestamp(occurred_at)",
    RecordKind.SUBMISSIONS: "message_id, recipient, toUnixTimestamp(submitted_at)",
}
_MESSAGE_COLUMNS: Final = "message_id, recipient, status, toUInt32(reports), conflict"
_CONTENT: Final = "concat(query, ' ', if(body_encoding = 'base64', tryBase64Decode(body), body))"


class Audit:
    """Compares what one run sent with what the store holds; every answer of the store may raise `StoreError`."""

    def __init__(self, store: StoreClient, ledger: Ledger, lines: Sequence[Line], run: str, messages: int) -> None:
        """Look at the messages 0 to `messages` of a run."""
        self._store = store
        self._ledger = ledger
        self._lines = lines
        self._run = run
        self._messages = messages

    async def settle(self, wait_seconds: float) -> None:
        """Return once the store holds as many rows as were acknowledged, or has gained none for `wait_seconds`."""
        missing = await self._missing()
        give_up_at = time.monotonic() + wait_seconds
        while missing and time.monotonic() < give_up_at:
            await asyncio.sleep(_PAUSE_SECONDS)
            before, missing = missing, await self._missing()
            if missing < before:
                give_up_at = time.monotonic() + wait_seconds

    async def tallies(self) -> AsyncIterator[tuple[str, str, Tally]]:
        """Yield each comparison: provider, table, and how it went."""
        for line in self._lines:
            name = line.dialect.name
            reports, messages = await self._reports(line)
            yield name, "reports", reports
            yield name, "messages", messages
            yield name, "stats", await self._stats(line)
            if line.dialect.inbound:
                yield name, "inbound", await self._compared(line, RecordKind.INBOUND)
            yield name, "dead_letters", await self._dead_letters(line)
            yield name, "submissions", await self._compared(line, RecordKind.SUBMISSIONS)

    async def _missing(self) -> int:
        return sum(
            [
                max(0, expected - await self._count(line, kept))
                for line in self._lines
                for kept in RecordKind
                if (expected := self._ledger.acknowledged(kept, line.dialect.name))
            ]
        )

    async def _count(self, line: Line, kept: RecordKind) -> int:
        if kept is RecordKind.DEAD_LETTERS:
            return len(await self._letters(line))
        return int(await self._store.value(f"SELECT count() FROM {self._table(kept)} WHERE {self._whole_run(line)}"))

    async def _reports(self, line: Line) -> tuple[Tally, Tally]:
        """Compare reports, and the messages that they add up to."""
        reports = messages = Tally()
        for low, high in self._ranges(line):
            sent = dict(self._ledger.rows(RecordKind.REPORTS, line.dialect.name, low, high))
            where = self._between(line, low, high)
            reports += compare(sent, await self._rows(_COLUMNS[RecordKind.REPORTS], RecordKind.REPORTS, where))
            stored = await self._rows(_MESSAGE_COLUMNS, "messages", f"{where} AND reports > 0")
            messages += compare(messages_of(sent), stored)
        return reports, messages

    async def _compared(self, line: Line, kind: RecordKind) -> Tally:
        """Compare all rows of a kind."""
        tally = Tally()
        for low, high in self._ranges(line):
            sent = dict(self._ledger.rows(kind, line.dialect.name, low, high))
            tally += compare(sent, await self._rows(_COLUMNS[kind], kind, self._between(line, low, high)))
        return tally

    async def _dead_letters(self, line: Line) -> Tally:
        sent = dict(self._ledger.rows(RecordKind.DEAD_LETTERS, line.dialect.name, self._run, self._run + "g"))
        return compare(sent, await self._letters(line))

    async def _letters(self, line: Line) -> list[Row]:
        mark = f"lower(extract({_CONTENT}, '(?i){self._run}[0-9a-f]{{7}}'))"
        return await self._rows(f"{mark} AS mark, why", RecordKind.DEAD_LETTERS, f"{_of(line)} AND mark != ''")

    async def _stats(self, line: Line) -> Tally:
        """Compare the sum of `stats` over this run's minutes, less others' reports in them, with the run's reports."""
        here = self._whole_run(line)
        low, high, expected = await self._span(here)
        minutes = f"{_of(line)} AND minute BETWEEN toDateTime({low}, 'UTC') AND toDateTime({high}, 'UTC')"
        others = (
            f"{_of(line)} AND NOT ({here}) AND toUnixTimestamp(toStartOfMinute(received_at)) BETWEEN {low} AND {high}"
        )
        tally = Tally()
        for _ in range(_TRIES):  # others may post meanwhile
            total = await self._store.value(f"SELECT sum(reports) FROM {self._table('stats')} WHERE {minutes}")
            foreign = await self._store.value(f"SELECT count() FROM {self._table('reports')} WHERE {others}")
            tally = compare_totals(expected, int(total) - int(foreign))
            if not tally.differences:
                break
        return tally

    async def _span(self, where: str) -> tuple[int, int, int]:
        """Return the first and the last minute in which reports were received, as Unix time, and their number."""
        minute = "toUnixTimestamp(toStartOfMinute({}(received_at)))"
        columns = f"{minute.format('min')}, {minute.format('max')}, count()"
        [(low, high, count)] = await self._rows(columns, "reports", where)
        return int(low or 0), int(high or 0), int(count or 0)

    async def _rows(self, columns: str, table: str, where: str) -> list[Row]:
        sql = f"SELECT {columns} FROM {self._table(table)} WHERE {where}"
        return [tuple(row.values()) for row in await self._store.rows(sql)]

    def _table(self, name: str) -> str:
        return f"{self._store.database}.{name}"

    def _ranges(self, line: Line) -> list[tuple[str, str]]:
        bound = line.dialect.bound
        starts = range(0, self._messages + 1, _RANGE)
        return [(bound(stem(self._run, low)), bound(stem(self._run, low + _RANGE))) for low in starts]

    def _whole_run(self, line: Line) -> str:
        return self._between(line, line.dialect.bound(self._run), line.dialect.bound(self._run + "g"))

    def _between(self, line: Line, low: str, high: str) -> str:
        return f"{_of(line)} AND message_id >= '{low}' AND message_id < '{high}'"


def _of(line: Line) -> str:
    return f"provider = '{line.dialect.name}' AND account = '{line.account.name}'"
