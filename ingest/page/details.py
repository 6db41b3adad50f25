"""Reads the details of one account for the page: its reports and its dead letters, with phone numbers masked."""

import asyncio
import base64
from dataclasses import asdict, dataclass
from typing import Any, Final

import orjson
from aiohttp import web

from ingest.connections.clickhouse import Parameters, Row, StoreClient
from ingest.lookup.meaning import meaning_of
from ingest.page import queries
from ingest.page.parameters import AccountParameters, LetterParameters, LettersParameters
from ingest.page.period import Period
from ingest.page.rows import Mask
from normalizers.errors import Fault
from normalizers.model import Reason

_LONGEST_BODY: Final = 64 * 1024
_LETTERS_A_PAGE: Final = 50
#: The position before the newest letter.
_NEWEST: Final = f"9{15 * '0'}-{32 * '0'}"
_NEVER_REPLAYED: Final[Row] = {"resolved": 0, "resolution": ""}


@dataclass(frozen=True, slots=True)
class AccountDetails:
    """Reads the details from a store; every method may raise `StoreError`."""

    mask: Mask
    letters_a_page: int = _LETTERS_A_PAGE

    async def account(self, store: StoreClient, asked: AccountParameters) -> dict[str, Any]:
        """Return an account's reports over time, its codes, countries and latest failures."""
        period = asked.period
        owner: Parameters = {**period.parameters, "provider": asked.provider, "account": asked.account}
        plot, codes, countries, failures = await asyncio.gather(
            store.rows(queries.PLOT, owner),
            store.rows(queries.CODES, owner),
            store.rows(queries.COUNTRIES, owner),
            store.rows(queries.FAILURES, owner),
        )
        return {
            "as_of": period.until / 1000,
            "plot": _plot(period, plot),
            "codes": [self._code(asked.provider, row) for row in codes],
            "countries": countries,
            "failures": [{**self.mask.row(row), "reason": _reason(row)} for row in failures],
        }

    async def letters(self, store: StoreClient, asked: LettersParameters) -> dict[str, Any]:
        """Return a page of the newest dead letters that match, and where the next page begins."""
        period = asked.period
        before, _, after = (asked.after or _NEWEST).partition("-")
        filters = {"provider": asked.provider or "", "account": asked.account or "", "why": asked.why or ""}
        page: Parameters = {"before": int(before), "after": after, "most": self.letters_a_page + 1}
        found = await store.rows(queries.LETTERS, {**period.parameters, **filters, **page})
        letters = found[: self.letters_a_page]
        ids = [row["id"] for row in letters]
        replays = {row["id"]: row for row in await store.rows(queries.REPLAYS, {"ids": ids})} if ids else {}
        return {
            "as_of": period.until / 1000,
            "whys": list(Fault),
            "letters": [self.mask.row({**row, **replays.get(row["id"], _NEVER_REPLAYED)}) for row in letters],
            "next": f"{letters[-1]['last_us']}-{letters[-1]['id']}" if len(found) > len(letters) else None,
        }

    async def letter(self, store: StoreClient, asked: LetterParameters) -> dict[str, Any]:
        """Return one dead letter, its headers as pairs and its body as text; raises `HTTPNotFound`."""
        rows = await store.rows(queries.LETTER, {"id": asked.id})
        if not rows:
            raise web.HTTPNotFound(text="there is no such dead letter")
        letter = dict(rows[0])
        headers = orjson.loads(letter.pop("headers") or "{}")
        body, encoding = _body(letter.pop("body"), letter.pop("body_encoding"))
        return {
            **self.mask.row(letter),
            "headers": [[self.mask.text(name), self.mask.text(str(value))] for name, value in headers.items()],
            "body": self.mask.text(body[:_LONGEST_BODY]),
            "body_encoding": encoding,
            "body_cut": len(body) > _LONGEST_BODY,
            "masked": not self.mask.show_numbers,
        }

    def _code(self, provider: str, row: Row) -> dict[str, Any]:
        reason = _reason(row)
        meaning = meaning_of({**row, "provider": provider, "reason": reason})
        return {**self.mask.row(row), "reason": reason, "meaning": asdict(meaning)}


def _reason(row: Row) -> str:
    """Return why a message failed; empty for a code that is in no table."""
    return row["reason"] or (Reason.UNKNOWN if not row.get("unmapped") else "")


def _plot(period: Period, rows: list[Row]) -> dict[str, Any]:
    """Return the reports in every step of the period, a column for each kind."""
    step = period.seconds / queries.PLOT_STEPS
    found = {row["step"]: row for row in rows}
    steps = range(queries.PLOT_STEPS)
    kinds = ("delivered", "failed", "other")
    return {
        "step": step,
        "at": [period.since / 1000 + step * index for index in steps],
        **{kind: [found.get(index, {}).get(kind, 0) for index in steps] for kind in kinds},
    }


def _body(body: str, encoding: str) -> tuple[str, str]:
    """Return a letter's body as text, with escapes for bytes that are no UTF-8, and its encoding."""
    if encoding != "base64":
        return body, "utf-8"
    return base64.b64decode(body).decode("utf-8", "backslashreplace"), "binary"
