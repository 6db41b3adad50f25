"""The details behind a line of the first screen: an account's reports, and dead letters. Numbers leave masked."""

import asyncio
import base64
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

import orjson

from ingest.connections.clickhouse import Parameters, Row, StoreClient
from ingest.lookup.meaning import meaning_of
from ingest.page import queries
from ingest.page.masks import shown
from ingest.page.period import Period
from ingest.page.rows import masked_row
from normalizers.errors import Fault
from normalizers.model import Reason

_LONGEST_BODY: Final = 64 * 1024
_LETTERS_A_PAGE: Final = 50
#: Fields of a letter and of a report that a provider or a stranger wrote.
_WRITTEN: Final = ("location", "detail", "method", "path", "query", "resolution")
_NEVER_REPLAYED: Final[Row] = {"resolved": 0, "resolution": ""}


class Details:
    """Asks for the details, and masks them unless told otherwise."""

    def __init__(self, store: StoreClient, *, show_numbers: bool, letters_a_page: int = _LETTERS_A_PAGE) -> None:
        """Ask `store`."""
        self._store = store
        self._letters_a_page = letters_a_page
        self._show_numbers = show_numbers

    async def account(self, period: Period, provider: str, account: str) -> dict[str, Any]:
        """Return an account's reports over time, its codes, countries and latest failures; raises `StoreError`."""
        owner: Parameters = {**period.bounds, "provider": provider, "account": account}
        plot, codes, countries, failures = await asyncio.gather(
            self._store.rows(queries.PLOT, {**owner, **period.plot()}),
            self._store.rows(queries.CODES, owner),
            self._store.rows(queries.COUNTRIES, owner),
            self._store.rows(queries.FAILURES, owner),
        )
        return {
            "as_of": period.until / 1000,
            "plot": _plot(period, plot),
            "codes": [self._code(provider, row) for row in codes],
            "countries": countries,
            "failures": [self._failure(row) for row in failures],
        }

    async def letters(
        self, period: Period, provider: str, account: str, last: tuple[int, str], why: str = ""
    ) -> dict[str, Any]:
        """
        Return the newest dead letters after `last` (when it last came, in microseconds, and its id).

        An empty `provider`, `account` or `why` leaves none out. Raises `StoreError`.
        """
        before, after = last
        asked: Parameters = {
            **period.bounds,
            "provider": provider,
            "account": account,
            "why": why,
            "before": before,
            "after": after,
            "most": self._letters_a_page + 1,
        }
        found = await self._store.rows(queries.LETTERS, asked)
        letters = found[: self._letters_a_page]
        replays = await self._replays([row["id"] for row in letters])
        return {
            "as_of": period.until / 1000,
            "whys": list(Fault),
            "letters": [self._letter({**row, **replays.get(row["id"], _NEVER_REPLAYED)}) for row in letters],
            "next": f"{letters[-1]['last_us']}-{letters[-1]['id']}" if len(found) > len(letters) else None,
        }

    async def letter(self, letter_id: str) -> dict[str, Any] | None:
        """Return one dead letter, its headers as pairs and its body as text; None if there is no such letter."""
        rows = await self._store.rows(queries.LETTER, {"id": letter_id})
        if not rows:
            return None
        [row] = rows
        body, encoding = _body(row)
        headers = orjson.loads(row["headers"] or "{}")
        return {
            **self._letter(row),
            "headers": [[self._text(name), self._text(str(value))] for name, value in headers.items()],
            "body": self._text(body[:_LONGEST_BODY]),
            "body_encoding": encoding,
            "body_cut": len(body) > _LONGEST_BODY,
            "masked": not self._show_numbers,
        }

    async def _replays(self, ids: list[str]) -> Mapping[str, Row]:
        """Return the latest replay of each letter by its id."""
        return {row["id"]: row for row in await self._store.rows(queries.REPLAYS, {"ids": ids})} if ids else {}

    def _letter(self, row: Row) -> dict[str, Any]:
        return {**row, **{name: self._text(row[name]) for name in _WRITTEN if name in row}}

    def _code(self, provider: str, row: Row) -> dict[str, Any]:
        reason = _reason(row)
        meaning = meaning_of({**row, "provider": provider, "reason": reason})
        return {**row, **self._said(row, "text"), "reason": reason, "meaning": asdict(meaning)}

    def _failure(self, row: Row) -> dict[str, Any]:
        return {**masked_row(row, show_numbers=self._show_numbers), "reason": _reason(row)}

    def _said(self, row: Row, text: str) -> Mapping[str, str]:
        return {name: self._text(row[name]) for name in ("provider_status", "provider_code", text)}

    def _text(self, text: str) -> str:
        return shown(text, show_numbers=self._show_numbers)


def _reason(row: Row) -> str:
    """Return why a message failed; nothing for a code that means no failure."""
    return row["reason"] or (Reason.UNKNOWN if not row.get("unmapped") else "")


def _plot(period: Period, rows: list[Row]) -> dict[str, Any]:
    """Return every step of the period, in columns."""
    step = period.seconds / queries.PLOT_STEPS
    found = {row["step"]: row for row in rows}
    steps = range(queries.PLOT_STEPS)
    kinds = ("delivered", "failed", "other")
    return {
        "step": step,
        "at": [period.since / 1000 + step * index for index in steps],
        **{kind: [found.get(index, {}).get(kind, 0) for index in steps] for kind in kinds},
    }


def _body(row: Row) -> tuple[str, str]:
    """Return a letter's body as text: bytes that are none are shown as what they are in Latin letters."""
    if row["body_encoding"] != "base64":
        return row["body"], "utf-8"
    return base64.b64decode(row["body"]).decode("utf-8", "backslashreplace"), "binary"
