"""Makes the first screen of the page: every account, the worst first, and the state of the program."""

import asyncio
import time
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, NamedTuple

from ingest.connections.clickhouse import Parameters, Row, StoreClient, StoreError, StoreState
from ingest.page import queries
from ingest.page.cache import Answers
from ingest.page.levels import WORST_FIRST, Counts, judge, usual
from ingest.page.live import Live
from ingest.page.period import Period
from ingest.page.rows import Mask
from normalizers.model import Reason

_Account = tuple[str, str]
_Rows = Mapping[_Account, Row]

#: For how long the past week of the accounts is cached.
_PASTS_SECONDS: Final = 60.0
#: The page is shown without the store's data if the store does not answer within this time.
_PATIENCE_SECONDS: Final = 1.0
_TOP_REASONS: Final = 3
#: The columns of the queries that are fields of `Counts`.
_COUNTED: Final = frozenset(field.name for field in fields(Counts))


class _StoreAnswer(NamedTuple):
    """The store's rows for a period, or None and the `error` that says why."""

    period: Period
    state: StoreState
    error: str = ""
    rows: _Rows | None = None


@dataclass(frozen=True, slots=True)
class Overview:
    """
    Makes the data of the first screen, for `accounts` (provider and name) and all others that the store has reports of.

    `store` is None if this command has none. `open_to_all` is the receiver's URL if anybody may post there.
    """

    store: StoreClient | None
    answers: Answers
    accounts: Sequence[_Account]
    mask: Mask
    has_kafka: bool = False
    open_to_all: str = ""
    patience_seconds: float = _PATIENCE_SECONDS

    async def make(self, period: Period, live: Awaitable[Live]) -> dict[str, Any]:
        """Return the first screen's data; if the store does not answer in time, only the data that needs no store."""
        state, answer = await asyncio.gather(live, self._in_time(period))
        period, rows = answer.period, answer.rows
        spill = (state.shown["spill"] or 0) if self.has_kafka else None
        if rows is None:
            last = state.last_callbacks
            accounts = [
                {"provider": key[0], "account": key[1], "last_callback": last.get(key)} for key in self.accounts
            ]
        else:
            accounts = sorted((self._account(key, period, row, state) for key, row in rows.items()), key=_worst_first)
        return {
            "as_of": period.until / 1000,
            "range": period.name,
            "seconds": period.seconds,
            "since": period.since / 1000,
            "store": {"state": answer.state, "said": answer.error},
            "accounts": accounts,
            "live": {**state.shown, "spill": spill, "now": time.time()},
            "open_to_all": self.open_to_all,
        }

    async def _in_time(self, period: Period) -> _StoreAnswer:
        """Ask the store, and give up after `patience_seconds`."""
        if self.store is None:
            return _StoreAnswer(period, StoreState.NONE)
        try:
            async with asyncio.timeout(self.patience_seconds):
                period, rows = await self.answers.get(("accounts", period.name), lambda: self._rows(period))
        except StoreError as error:
            return _StoreAnswer(period, error.state, str(error))
        except TimeoutError:
            return _StoreAnswer(period, StoreState.WAITING, "it has been asked and has not answered yet")
        return _StoreAnswer(period, StoreState.OK, rows=rows)

    async def _rows(self, period: Period) -> tuple[Period, _Rows]:
        """Return the store's row of each account (reports, past week, dead letters), with the period that it is of."""
        lately, letters, pasts = await asyncio.gather(
            self._ask(queries.ACCOUNTS, period.parameters),
            self._ask(queries.LETTER_COUNTS, period.parameters),
            self.answers.get(("pasts", period.name), lambda: self._pasts(period), _PASTS_SECONDS),
        )
        owners = dict.fromkeys((*self.accounts, *lately, *letters))
        return period, {
            owner: {**pasts.get(owner, {}), **letters.get(owner, {}), **lately.get(owner, {})} for owner in owners
        }

    async def _pasts(self, period: Period) -> _Rows:
        """Return the past week of each account, or nothing if the store takes too long."""
        try:
            return await self._ask(queries.PASTS, period.parameters)
        except StoreError as error:
            if error.state is StoreState.SLOW:
                return {}
            raise

    async def _ask(self, sql: str, parameters: Parameters) -> _Rows:
        assert self.store is not None  # noqa: S101 - `_in_time` has checked it
        return {(row["provider"], row["account"]): row for row in await self.store.rows(sql, parameters)}

    def _account(self, owner: _Account, period: Period, row: Row, live: Live) -> dict[str, Any]:
        counts = Counts(
            usual_reports=usual(row.get("days_before", [0]), period.seconds, row.get("reports_before", 0)),
            **{name: value for name, value in row.items() if name in _COUNTED},
        )
        levels = judge(counts)
        last_times = (live.last_callbacks.get(owner), row.get("last_received"), row.get("past_last_received"))
        return {
            "provider": owner[0],
            "account": owner[1],
            "level": levels[0],
            "also": levels[1:],
            **asdict(counts),
            "surges": counts.surges,
            "past_share": counts.past_share,
            "alike": row.get("alike", 0),
            "finals_before": row.get("finals_before", 0),
            "failures_before": row.get("failures_before", 0),
            "per_minute": 60 * counts.reports / period.seconds,
            "reasons": self._reasons(row),
            "delays": row.get("delays", [None, None]),
            "last_callback": max((at for at in last_times if at), default=None),
            "trend": {"finals": row.get("final_trend", []), "failures": row.get("failure_trend", [])},
        }

    def _reasons(self, row: Row) -> list[dict[str, Any]]:
        """Return the commonest reasons of failure, each with the provider's commonest code for it."""
        names, counts = row.get("reasons", [[], []])
        codes: dict[str, str] = {}
        for reason, *code in row.get("codes", []):
            codes.setdefault(reason, self.mask.text(" · ".join(filter(None, code))))
        most = sorted(zip(names, counts, strict=True), key=lambda reason: -reason[1])[:_TOP_REASONS]
        return [
            {"reason": name or Reason.UNKNOWN, "failures": count, "code": codes.get(name, "")} for name, count in most
        ]


def _worst_first(account: Mapping[str, Any]) -> tuple[Any, ...]:
    share = account["failures"] / account["finals"] if account["finals"] else 0
    return WORST_FIRST.index(account["level"]), -share, -account["reports"], account["provider"], account["account"]
