"""
Checks that everything that was acknowledged is in the store once, and nothing that was not sent.

It reads the store in ranges of message ids, so that its memory is bounded, and compares whole rows: `dlr.reports`,
`dlr.inbound`, `dlr.dead_letters` and `dlr.submissions` with the ledger, `dlr.messages` with the messages that follow
from the ledger's reports, and the sum of `dlr.stats` with `dlr.reports`.
"""
# ruff: noqa: S608 - statements are made of constants, names from the settings, and hexadecimal digits

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

from ingest.connections.clickhouse import StoreClient
from ingest.simulation.compare import Tally, compare, compare_totals, messages_of
from ingest.simulation.ledger import Ledger, RecordKind, Row
from ingest.simulation.plan import stem
from ingest.simulation.targets import Target

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
    """Compares all that one run sent, `messages` messages, with the store; its methods may raise `StoreError`."""

    store: StoreClient
    ledger: Ledger
    targets: Sequence[Target]
    run: str
    messages: int

    async def settle(self, wait_seconds: float) -> None:
        """Wait until the store holds as many rows as were acknowledged, or has gained none for `wait_seconds`."""
        missing = await self._missing()
        give_up_at = time.monotonic() + wait_seconds
        while missing and time.monotonic() < give_up_at:
            await asyncio.sleep(_PAUSE_SECONDS)
            before, missing = missing, await self._missing()
            if missing < before:
                give_up_at = time.monotonic() + wait_seconds

    async def tallies(self) -> AsyncIterator[tuple[str, str, Tally]]:
        """Yield the provider, the table and the result of each comparison."""
        for target in self.targets:
            name = target.dialect.name
            yield name, "reports", await self._compared(target, RecordKind.REPORTS)
            yield name, "messages", await self._messages_compared(target)
            yield name, "stats", await self._stats(target)
            if target.dialect.inbound:
                yield name, "inbound", await self._compared(target, RecordKind.INBOUND)
            yield name, "dead_letters", await self._dead_letters(target)
            yield name, "submissions", await self._compared(target, RecordKind.SUBMISSIONS)

    async def _missing(self) -> int:
        missing = 0
        for target, kind in product(self.targets, RecordKind):
            if expected := self.ledger.acknowledged(kind, target.dialect.name):
                missing += max(0, expected - await self._count(target, kind))
        return missing

    async def _count(self, target: Target, kind: RecordKind) -> int:
        if kind is RecordKind.DEAD_LETTERS:
            return len(await self._letters(target))
        sql = f"SELECT count() FROM {self.store.database}.{kind} WHERE {self._whole_run(target)}"
        return int(await self.store.value(sql))

    async def _compared(self, target: Target, kind: RecordKind) -> Tally:
        """Compare all rows of a kind."""
        tally = Tally()
        for sent, where in self._sent(target, kind):
            tally += compare(sent, await self._rows(_COLUMNS[kind], kind, where))
        return tally

    async def _messages_compared(self, target: Target) -> Tally:
        """Compare the messages that follow from the reports."""
        tally = Tally()
        for sent, where in self._sent(target, RecordKind.REPORTS):
            stored = await self._rows(_MESSAGE_COLUMNS, "messages", f"{where} AND reports > 0")
            tally += compare(messages_of(sent), stored)
        return tally

    async def _dead_letters(self, target: Target) -> Tally:
        sent = dict(self.ledger.rows(RecordKind.DEAD_LETTERS, target.dialect.name, self.run, self.run + "g"))
        return compare(sent, await self._letters(target))

    async def _letters(self, target: Target) -> list[Row]:
        """Return the run's dead letters, which are found by a message id of the run in their content."""
        mark = f"lower(extract({_CONTENT}, '(?i){self.run}[0-9a-f]{{7}}'))"
        return await self._rows(f"{mark} AS mark, why", RecordKind.DEAD_LETTERS, f"{_of(target)} AND mark != ''")

    async def _stats(self, target: Target) -> Tally:
        """Compare the sum of `stats` over the minutes of this run with the reports that were received in them."""
        ends = "toUnixTimestamp(min(received_at)), toUnixTimestamp(max(received_at))"
        [(first, last)] = await self._rows(ends, "reports", self._whole_run(target))
        minutes = f"BETWEEN toStartOfMinute(toDateTime({first}, 'UTC')) AND toDateTime({last}, 'UTC')"
        tally = Tally()
        for _ in range(_TRIES):  # others may post between the two queries
            [(counted,)] = await self._rows(
                "toUInt32(count())", "reports", f"{_of(target)} AND toStartOfMinute(received_at) {minutes}"
            )
            [(summed,)] = await self._rows("toUInt32(sum(reports))", "stats", f"{_of(target)} AND minute {minutes}")
            tally = compare_totals(int(counted or 0), int(summed or 0))
            if not tally.differences:
                break
        return tally

    async def _rows(self, columns: str, table: str, where: str) -> list[Row]:
        sql = f"SELECT {columns} FROM {self.store.database}.{table} WHERE {where}"
        return [tuple(row.values()) for row in await self.store.rows(sql)]

    def _sent(self, target: Target, kind: RecordKind) -> Iterator[tuple[dict[Row, bool], str]]:
        """Yield the rows that were sent, range by range, with the SQL condition for the same range in the store."""
        bound = target.dialect.bound
        for first in range(0, self.messages + 1, _RANGE):
            low, high = bound(stem(self.run, first)), bound(stem(self.run, first + _RANGE))
            yield dict(self.ledger.rows(kind, target.dialect.name, low, high)), self._between(target, low, high)

    def _whole_run(self, target: Target) -> str:
        """Return the condition for all messages of the run; `g` sorts after every hexadecimal digit."""
        return self._between(target, target.dialect.bound(self.run), target.dialect.bound(self.run + "g"))

    def _between(self, target: Target, low: str, high: str) -> str:
        return f"{_of(target)} AND message_id >= '{low}' AND message_id < '{high}'"


def _of(target: Target) -> str:
    return f"provider = '{target.dialect.name}' AND account = '{target.account.name}'"
