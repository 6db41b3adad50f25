"""The first screen: every account, the worst first, and what this program knows of itself."""

import asyncio
import time
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import asdict
from typing import Any, Final, NamedTuple

from ingest.connections.clickhouse import Parameters, Row, StoreClient, StoreError, StoreState
from ingest.page import queries
from ingest.page.cache import Answers
from ingest.page.levels import Counts, judge, usual
from ingest.page.live import Live
from ingest.page.masks import shown
from ingest.page.period import Period
from ingest.settings.accounts import EffectiveAccount
from normalizers.model import Reason

_Account = tuple[str, str]
_Rows = Mapping[_Account, Row]
#: Of each account its reports, its past, and its dead letters.
_Tables = Mapping[_Account, tuple[Row, Row, Row]]

_PASTS_SECONDS: Final = 60.0
#: How long a person waits for the store before the page shows what there is without it.
_PATIENCE_SECONDS: Final = 1.0
_TOP_REASONS: Final = 3
_NONE: Final[Row] = {}


class _Told(NamedTuple):
    """The store's answer about a period, or its failure."""

    period: Period
    state: StoreState
    said: str = ""
    rows: _Tables | None = None


class Overview:
    """Puts together what the first screen shows."""

    def __init__(
        self,
        store: StoreClient | None,
        answers: Answers,
        accounts: Iterable[EffectiveAccount],
        *,
        has_kafka: bool = False,
        show_numbers: bool = False,
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
        self._show_numbers = show_numbers
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
            "live": _live(known, has_kafka=self._has_kafka),
            "open_to_all": self._open_to_all,
        }

    async def _in_time(self, period: Period) -> _Told:
        """Ask the store, and wait for it no longer than a person does."""
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

    def _judged(self, period: Period, rows: _Tables, live: Live) -> list[dict[str, Any]]:
        """Return what is said of each account, the worst first."""
        accounts = (
            _account(owner, period, tables, live, show_numbers=self._show_numbers) for owner, tables in rows.items()
        )
        return sorted(accounts, key=_worst_first)

    async def _rows(self, period: Period) -> tuple[Period, _Tables]:
        """Return what the store says of each account: its reports, its past, its dead letters; and of which time."""
        lately, letters, pasts = await asyncio.gather(
            self._ask(queries.ACCOUNTS, period.accounts()),
            self._ask(queries.LETTER_COUNTS, period.bounds),
            self._answers.get(("pasts", period.name), lambda: self._pasts(period), _PASTS_SECONDS),
        )
        owners = dict.fromkeys((*self._accounts, *lately, *letters))
        return period, {
            owner: (lately.get(owner, _NONE), pasts.get(owner, _NONE), letters.get(owner, _NONE)) for owner in owners
        }

    async def _pasts(self, period: Period) -> _Rows:
        """Return each account's past week; nothing if the store takes too long."""
        try:
            return await self._ask(queries.PASTS, period.pasts())
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


def _account(
    owner: _Account, period: Period, rows: tuple[Row, Row, Row], live: Live, *, show_numbers: bool
) -> dict[str, Any]:
    row, past, letters = rows
    counts = Counts(
        seconds=period.seconds,
        reports=row.get("reports", 0),
        finals=row.get("finals", 0),
        failures=row.get("failures", 0),
        newest_finals=row.get("newest_finals", 0),
        newest_failures=row.get("newest_failures", 0),
        unmapped=row.get("unmapped", 0),
        dead_letters=letters.get("letters", 0),
        parser_errors=letters.get("parser_errors", 0),
        past_finals=past.get("finals", 0),
        past_failures=past.get("failures", 0),
        usual_reports=usual(past.get("days_before", [0]), period.seconds, row.get("reports_before", 0)),
    )
    said = judge(counts)
    heard = (live.last_callbacks.get(owner), row.get("last_received"), past.get("last_received"))
    return {
        "provider": owner[0],
        "account": owner[1],
        "level": said[0],
        "also": said[1:],
        **{name: value for name, value in asdict(counts).items() if name != "seconds"},
        "surges": counts.surges,
        "past_share": counts.past_share,
        "alike": row.get("alike", 0),
        "finals_before": row.get("finals_before", 0),
        "failures_before": row.get("failures_before", 0),
        "per_minute": 60 * counts.reports / period.seconds,
        "reasons": _reasons(row, show_numbers=show_numbers),
        "delays": row.get("delays", [None, None]),
        "last_callback": max((at for at in heard if at), default=None),
        "trend": {"finals": row.get("final_trend", []), "failures": row.get("failure_trend", [])},
    }


def _worst_first(account: Mapping[str, Any]) -> tuple[Any, ...]:
    share = account["failures"] / account["finals"] if account["finals"] else 0
    return account["level"].rank, -share, -account["reports"], account["provider"], account["account"]


def _reasons(row: Row, *, show_numbers: bool) -> list[dict[str, Any]]:
    """Return the commonest reasons of failure, each with the code that the provider sends most for it."""
    names, counts = row.get("reasons", [[], []])
    said: dict[str, str] = {}
    for reason, *code in row.get("codes", []):
        said.setdefault(reason, shown(" · ".join(filter(None, code)), show_numbers=show_numbers))
    most = sorted(zip(names, counts, strict=True), key=lambda reason: -reason[1])[:_TOP_REASONS]
    return [{"reason": name or Reason.UNKNOWN, "failures": count, "code": said.get(name, "")} for name, count in most]


def _live(live: Live, *, has_kafka: bool) -> dict[str, Any]:
    return {
        "now": time.time(),
        "parts": [{"name": name, "fault": fault} for name, fault in live.parts.items()],
        "stream_lag": live.stream_lag,
        "spill": (live.spill or 0) if has_kafka else None,
        "spill_oldest_seconds": live.spill_oldest_seconds,
        "troubles": live.troubles,
        "callbacks": live.callbacks,
    }
