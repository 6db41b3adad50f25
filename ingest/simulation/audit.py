"""
The audit: everything that was acknowledged has to be in the store once, and nothing that was not sent.

It reads the store in ranges of message ids, so that its memory is bounded, and compares whole rows: those of
`dlr.reports`, `dlr.inbound` and `dlr.dead_letters` with the ledger, those of `dlr.messages` with what the ledger's
reports add up to, and the sum of `dlr.stats` with `dlr.reports`.
"""
# ruff: noqa: S608  (what goes into a statement: names of ours, names that the settings allow, hexadecimal digits)

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Audit:
    """
    Compares what one run sent, its messages 0 to `messages`, with what the store holds.

    Every answer of the store may raise `StoreError`.
    """

    store: StoreClient
    ledger: Ledger
    lines: Sequence[Line]
    run: str
    messages: int

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
        for line in self.lines:
            name = line.dialect.name
            yield name, "reports", await self._compared(line, RecordKind.REPORTS)
            yield name, "messages", await self._messages_compared(line)
            yield name, "stats", await self._stats(line)
            if line.dialect.inbound:
                yield name, "inbound", await self._compared(line, RecordKind.INBOUND)
            yield name, "dead_letters", await self._dead_letters(line)
            yield name, "submissions", await self._compared(line, RecordKind.SUBMISSIONS)

    async def _missing(self) -> int:
        return sum(
            [
                max(0, expected - await self._count(line, kept))
                for line in self.lines
                for kept in RecordKind
                if (expected := self.ledger.acknowledged(kept, line.dialect.name))
            ]
        )

    async def _count(self, line: Line, kept: RecordKind) -> int:
        if kept is RecordKind.DEAD_LETTERS:
            return len(await self._letters(line))
        return int(await self.store.value(f"SELECT count() FROM {self._table(kept)} WHERE {self._whole_run(line)}"))

    async def _compared(self, line: Line, kind: RecordKind) -> Tally:
        """Compare all rows of a kind."""
        tally = Tally()
        for sent, where in self._sent(line, kind):
            tally += compare(sent, await self._rows(_COLUMNS[kind], kind, where))
        return tally

    async def _messages_compared(self, line: Line) -> Tally:
        """Compare the messages that the reports add up to."""
        tally = Tally()
        for sent, where in self._sent(line, RecordKind.REPORTS):
            stored = await self._rows(_MESSAGE_COLUMNS, "messages", f"{where} AND reports > 0")
            tally += compare(messages_of(sent), stored)
        return tally

    async def _dead_letters(self, line: Line) -> Tally:
        sent = dict(self.ledger.rows(RecordKind.DEAD_LETTERS, line.dialect.name, self.run, self.run + "g"))
        return compare(sent, await self._letters(line))

    async def _letters(self, line: Line) -> list[Row]:
        mark = f"lower(extract({_CONTENT}, '(?i){self.run}[0-9a-f]{{7}}'))"
        return await self._rows(f"{mark} AS mark, why", RecordKind.DEAD_LETTERS, f"{_of(line)} AND mark != ''")

    async def _stats(self, line: Line) -> Tally:
        """Compare the sum of `stats` over the minutes of this run with the reports that were received in them."""
        ends = "toUnixTimestamp(min(received_at)), toUnixTimestamp(max(received_at))"
        [(first, last)] = await self._rows(ends, "reports", self._whole_run(line))
        minutes = f"BETWEEN toStartOfMinute(toDateTime({first}, 'UTC')) AND toDateTime({last}, 'UTC')"
        tally = Tally()
        for _ in range(_TRIES):  # others may post between the two queries
            [(counted,)] = await self._rows(
                "toUInt32(count())", "reports", f"{_of(line)} AND toStartOfMinute(received_at) {minutes}"
            )
            [(summed,)] = await self._rows("toUInt32(sum(reports))", "stats", f"{_of(line)} AND minute {minutes}")
            tally = compare_totals(int(counted or 0), int(summed or 0))
            if not tally.differences:
                break
        return tally

    async def _rows(self, columns: str, table: str, where: str) -> list[Row]:
        sql = f"SELECT {columns} FROM {self._table(table)} WHERE {where}"
        return [tuple(row.values()) for row in await self.store.rows(sql)]

    def _table(self, name: str) -> str:
        return f"{self.store.database}.{name}"

    def _sent(self, line: Line, kind: RecordKind) -> Iterator[tuple[dict[Row, bool], str]]:
        """Yield what was sent, range by range, and the condition that finds the same messages in the store."""
        bound = line.dialect.bound
        for first in range(0, self.messages + 1, _RANGE):
            low, high = bound(stem(self.run, first)), bound(stem(self.run, first + _RANGE))
            yield dict(self.ledger.rows(kind, line.dialect.name, low, high)), self._between(line, low, high)

    def _whole_run(self, line: Line) -> str:
        return self._between(line, line.dialect.bound(self.run), line.dialect.bound(self.run + "g"))

    def _between(self, line: Line, low: str, high: str) -> str:
        return f"{_of(line)} AND message_id >= '{low}' AND message_id < '{high}'"


def _of(line: Line) -> str:
    return f"provider = '{line.dialect.name}' AND account = '{line.account.name}'"
