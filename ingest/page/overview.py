"""The first screen: every account, the worst first, and what this program knows of itself."""

import asyncio
import time
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import asdict, fields
from typing import Any, Final, NamedTuple

from ingest.connections.clickhouse import Parameters, Row, StoreClient, StoreError, StoreState
from ingest.page import queries
from ingest.page.cache import Answers
from ingest.page.levels import WORST_FIRST, Counts, judge, usual
from ingest.page.live import Live
from ingest.page.period import Period
from ingest.page.rows import Mask
from ingest.settings.accounts import EffectiveAccount
from normalizers.model import Reason

_Account = tuple[str, str]
_Rows = Mapping[_Account, Row]

_PASTS_SECONDS: Final = 60.0
#: The page is shown without the store's data if the store does not answer within this time.
_PATIENCE_SECONDS: Final = 1.0
_TOP_REASONS: Final = 3
#: The columns of the queries that are judged, by the same names.
_COUNTED: Final = frozenset(field.name for field in fields(Counts))


class _Told(NamedTuple):
    """The store's answer about a period, or its failure."""

    period: Period
    state: StoreState
    said: str = ""
    rows: _Rows | None = None


class Overview:
    """Puts together what the first screen shows."""

    def __init__(
        self,
        store: StoreClient | None,
        answers: Answers,
        accounts: Iterable[EffectiveAccount],
        mask: Mask,
        *,
        has_kafka: bool = False,
        open_to_all: str = "",
        patience_seconds: float = _PATIENCE_SECONDS,
    ) -> None:
        """
        Show these accounts, and whatever others the store knows; `store` is None if there is none.

        A provider that only answers when it is asked is left out if no account of it is set up to be asked.
        `open_to_all` is the receiver's URL while anybody may post there.
        """
        self._store = store
        self._answers = answers
        self._patience_seconds = patience_seconds
        self._accounts = [account.key for account in accounts if account.provider.methods or account.poll]
        self._has_kafka = has_kafka
        self._mask = mask
        self._open_to_all = open_to_all

    async def make(self, period: Period, live: Awaitable[Live]) -> dict[str, Any]:
        """Return the first screen's data; if the store does not answer in time, the part that needs no store."""
        known, told = await asyncio.gather(live, self._in_time(period))
        rows = told.rows
        return {
            "as_of": told.period.until / 1000,
            "range": told.period.name,
            "seconds": told.period.seconds,
            "since": told.period.since / 1000,
            "store": {"state": told.state, "said": told.said},
            "accounts": self._known(known) if rows is None else self._judged(told.period, rows, known),
            "live": self._live(known),
            "open_to_all": self._open_to_all,
        }

    def _live(self, live: Live) -> dict[str, Any]:
        spill = (live.shown["spill"] or 0) if self._has_kafka else None
        return {**live.shown, "spill": spill, "now": time.time()}

    async def _in_time(self, period: Period) -> _Told:
        """Ask the store, and give up after `patience_seconds`."""
        if self._store is None:
            return _Told(period, StoreState.NONE)
        try:
            async with asyncio.timeout(self._patience_seconds):
                period, rows = await self._answers.get(("accounts", period.name), lambda: self._rows(period))
        except StoreError as error:
            return _Told(period, error.state, str(error))
        except TimeoutError:
            return _Told(period, StoreState.WAITING, "it has been asked and has not answered yet")
        return _Told(period, StoreState.OK, rows=rows)

    def _judged(self, period: Period, rows: _Rows, live: Live) -> list[dict[str, Any]]:
        """Return the line of each account, the worst first."""
        accounts = [self._account(owner, period, row, live) for owner, row in rows.items()]
        return sorted(accounts, key=_worst_first)

    async def _rows(self, period: Period) -> tuple[Period, _Rows]:
        """Return the store's row of each account (its reports, its past, its dead letters), and of which time it is."""
        lately, letters, pasts = await asyncio.gather(
            self._ask(queries.ACCOUNTS, period.parameters),
            self._ask(queries.LETTER_COUNTS, period.parameters),
            self._answers.get(("pasts", period.name), lambda: self._pasts(period), _PASTS_SECONDS),
        )
        owners = dict.fromkeys((*self._accounts, *lately, *letters))
        return period, {
            owner: {**pasts.get(owner, {}), **letters.get(owner, {}), **lately.get(owner, {})} for owner in owners
        }

    async def _pasts(self, period: Period) -> _Rows:
        """Return each account's past week; nothing if the store takes too long."""
        try:
            return await self._ask(queries.PASTS, period.parameters)
        except StoreError as error:
            if error.state is StoreState.SLOW:
                return {}
            raise

    async def _ask(self, sql: str, parameters: Parameters) -> _Rows:
        assert self._store is not None  # noqa: S101 - the caller has looked
        return {(row["provider"], row["account"]): row for row in await self._store.rows(sql, parameters)}

    def _known(self, live: Live) -> list[dict[str, Any]]:
        """Return the accounts as they are known without a store."""
        return [
            {"provider": provider, "account": name, "last_callback": live.last_callbacks.get((provider, name))}
            for provider, name in self._accounts
        ]

    def _account(self, owner: _Account, period: Period, row: Row, live: Live) -> dict[str, Any]:
        counts = Counts(
            usual_reports=usual(row.get("days_before", [0]), period.seconds, row.get("reports_before", 0)),
            **{name: value for name, value in row.items() if name in _COUNTED},
        )
        said = judge(counts)
        heard = (live.last_callbacks.get(owner), row.get("last_received"), row.get("past_last_received"))
        return {
            "provider": owner[0],
            "account": owner[1],
            "level": said[0],
            "also": said[1:],
            **asdict(counts),
            "surges": counts.surges,
            "past_share": counts.past_share,
            "alike": row.get("alike", 0),
            "finals_before": row.get("finals_before", 0),
            "failures_before": row.get("failures_before", 0),
            "per_minute": 60 * counts.reports / period.seconds,
            "reasons": self._reasons(row),
            "delays": row.get("delays", [None, None]),
            "last_callback": max((at for at in heard if at), default=None),
            "trend": {"finals": row.get("final_trend", []), "failures": row.get("failure_trend", [])},
        }

    def _reasons(self, row: Row) -> list[dict[str, Any]]:
        """Return the commonest reasons of failure, each with the code that the provider sends most for it."""
        names, counts = row.get("reasons", [[], []])
        said: dict[str, str] = {}
        for reason, *code in row.get("codes", []):
            said.setdefault(reason, self._mask.text(" · ".join(filter(None, code))))
        most = sorted(zip(names, counts, strict=True), key=lambda reason: -reason[1])[:_TOP_REASONS]
        return [
            {"reason": name or Reason.UNKNOWN, "failures": count, "code": said.get(name, "")} for name, count in most
        ]


def _worst_first(account: Mapping[str, Any]) -> tuple[Any, ...]:
    share = account["failures"] / account["finals"] if account["finals"] else 0
    return WORST_FIRST.index(account["level"]), -share, -account["reports"], account["provider"], account["account"]
