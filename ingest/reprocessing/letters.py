"""Reads dead letters from the store: those that match a filter, their number, or one of them."""

import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NamedTuple

import msgspec

from ingest.connections.clickhouse import Parameters, Row, StoreClient
from ingest.reprocessing.conditions import matching, time_text
from normalizers.errors import Fault
from sinks.origin import Origin
from sinks.records import LetterKind

_PAGE: Final = 200
_SUMMARY: Final = (
    "id, kind, provider, account, why, location, detail, receipts, first_received_at, last_received_at, resolved_at,"
    " resolution"
)
_CONTENT: Final = "method, path, query, headers, body, body_encoding"


class LetterPosition(NamedTuple):
    """A place in the order in which letters are replayed: by first receipt, then by id."""

    first_received_at: datetime
    letter_id: str


#: The position before every letter.
START: Final = LetterPosition(datetime.fromtimestamp(0, UTC), "")
#: The condition for letters after a position, whose parameters `_after` returns.
_IS_AFTER: Final = "(first_received_at, id) > ({after:DateTime64(6, 'UTC')}, {after_id:String})"


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterFilter:
    """Selects the dead letters that match all fields that are set; resolved letters only if `resolved` is True."""

    letter_id: str = ""
    provider: str = ""
    account: str = ""
    why: str = ""
    since: datetime | None = None
    until: datetime | None = None
    resolved: bool = False

    def condition(self) -> tuple[str, Parameters]:
        """Return the filter as a condition in SQL, and its parameters."""
        texts = {"id": self.letter_id, "provider": self.provider, "account": self.account}
        found, parameters = matching(texts, "last_received_at", self.since, self.until)
        if self.why:  # copies of a letter may have different faults, if the program was changed between them
            found.append("id IN (SELECT id FROM dead_letter_receipts WHERE why = {why:String})")
            parameters["why"] = self.why
        return " AND ".join(found if self.resolved else [*found, "resolved_at IS NULL"]), parameters


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A dead letter as it was received, with secrets masked; `origin.received_at` is the time of its first receipt."""

    id: str
    why: Fault
    location: str
    origin: Origin
    body: bytes

    @property
    def position(self) -> LetterPosition:
        """The letter's place in the order of replay."""
        return LetterPosition(self.origin.received_at, self.id)


def summaries_query(wanted: LetterFilter, most: int) -> tuple[str, Parameters]:
    """Return the query for up to `most` letters without their content, the latest first, and its parameters."""
    condition, parameters = wanted.condition()
    sql = f"SELECT {_SUMMARY} FROM dead_letters WHERE {condition}"  # noqa: S608 - the values are bound
    return f"{sql} ORDER BY last_received_at DESC, id LIMIT {{most:UInt32}}", {**parameters, "most": most}


async def find_letter(store: StoreClient, letter_id: str) -> Row | None:
    """Return one letter with its content, or None; raises `StoreError`."""
    sql = f"SELECT {_SUMMARY}, {_CONTENT} FROM dead_letters WHERE id = {{id:String}}"  # noqa: S608 - the value is bound
    rows = await store.rows(sql, {"id": letter_id})
    return rows[0] if rows else None


async def count_letters(store: StoreClient, wanted: LetterFilter, after: LetterPosition = START) -> int:
    """Return how many letters match after a position; raises `StoreError`."""
    condition, parameters = wanted.condition()
    sql = f"SELECT count() AS n FROM dead_letters WHERE ({condition}) AND {_IS_AFTER}"  # noqa: S608 - values are bound
    [row] = await store.rows(sql, {**parameters, **_after(after)})
    return int(row["n"])


async def letters(store: StoreClient, wanted: LetterFilter, after: LetterPosition = START) -> AsyncIterator[Letter]:
    """Yield every letter that matches after a position, the oldest first; raises `StoreError`."""
    condition, parameters = wanted.condition()
    sql = (
        f"SELECT {_SUMMARY}, {_CONTENT} FROM dead_letters WHERE ({condition}) AND {_IS_AFTER}"  # noqa: S608 - as above
        f" ORDER BY first_received_at, id LIMIT {_PAGE}"
    )
    while True:
        rows = await store.rows(sql, {**parameters, **_after(after)})
        for row in rows:
            letter = _letter(row)
            after = letter.position
            yield letter
        if len(rows) < _PAGE:
            return


def _after(position: LetterPosition) -> Parameters:
    return {"after": time_text(position.first_received_at), "after_id": position.letter_id}


def _letter(row: Row) -> Letter:
    origin = Origin(
        kind=LetterKind(row["kind"]),
        provider=row["provider"],
        account=row["account"],
        method=row["method"],
        path=row["path"],
        query=row["query"].encode(),
        headers=msgspec.json.decode(row["headers"] or "{}", type=dict[str, str]),
        received_at=datetime.fromisoformat(row["first_received_at"]).replace(tzinfo=UTC),
    )
    body = base64.b64decode(row["body"]) if row["body_encoding"] == "base64" else row["body"].encode()
    return Letter(id=row["id"], why=Fault(row["why"]), location=row["location"], origin=origin, body=body)
