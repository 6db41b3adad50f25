"""
Finds messages by number, id or reference, and collects all that the store knows of each.

It reads the same views as the analysts. Numbers are returned as they are stored: the caller masks them if needed.
"""
# ruff: noqa: S608 - the statements are made of constants; the searched value is bound as a parameter

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ingest.connections.clickhouse import Parameters, Row, StoreClient
from ingest.lookup.advice import advice_for
from ingest.lookup.meaning import Meaning, meaning_of
from ingest.lookup.spelling import ids_of, numbers_of
from ingest.settings.accounts import EffectiveAccount
from normalizers.model import Source

#: How many messages are returned, the newest ones.
MOST_MESSAGES: Final = 20
_MOST_LETTERS: Final = 5
_LEAST_SEARCHED: Final = 4

_KEY: Final = ("provider", "account", "message_id", "recipient")
_MATCHING: Final = (
    "message_id IN {ids:Array(String)} OR reference IN {ids:Array(String)} OR recipient IN {numbers:Array(String)}"
)
_FOUND_KEYS: Final = f"""
SELECT provider, account, message_id, recipient, max(at) AS newest
FROM (
    SELECT provider, account, message_id, recipient, received_at AS at FROM reports WHERE {_MATCHING}
    UNION ALL
    SELECT provider, account, message_id, recipient, received_at AS at FROM submissions WHERE {_MATCHING}
)
GROUP BY provider, account, message_id, recipient
ORDER BY newest DESC
LIMIT {{most:UInt32}}
"""
_OF_THESE: Final = "WHERE message_id IN {ids:Array(String)} AND recipient IN {numbers:Array(String)}"
_MESSAGES: Final = f"SELECT * FROM messages {_OF_THESE}"
_SUBMISSIONS: Final = f"SELECT * FROM submissions {_OF_THESE}"
_REPORTS: Final = f"SELECT * FROM reports {_OF_THESE} ORDER BY received_at, event_id"
_SUBMITS: Final = (
    "SELECT 1 AS one FROM submissions WHERE provider = {provider:String} AND account = {account:String} LIMIT 1"
)
_LETTERS: Final = """
SELECT id, provider, account, why, location, detail, receipts, last_received_at
FROM dead_letters
WHERE id IN (
    SELECT id FROM dead_letter_receipts
    WHERE received_at >= now() - INTERVAL 30 DAY
        AND (position(body, {what:String}) > 0 OR position(query, {what:String}) > 0)
)
ORDER BY last_received_at DESC
LIMIT {most:UInt32}
"""


@dataclass(frozen=True, slots=True)
class FoundReport:
    """One report (a row of `dlr.reports`), the meaning of its code, and the answer that its provider got."""

    row: Row
    meaning: Meaning
    answered: str


@dataclass(frozen=True, slots=True)
class FoundMessage:
    """A message to one recipient: its rows of `dlr.messages` and `dlr.submissions`, its reports in order, advice."""

    message: Row
    submission: Row | None
    reports: Sequence[FoundReport]
    advice: Sequence[str]


@dataclass(frozen=True, slots=True)
class Found:
    """The messages that were found, newest first, and dead letters that mention the searched text."""

    messages: Sequence[FoundMessage] = ()
    dead_letters: Sequence[Row] = ()


async def find(store: StoreClient, what: str, accounts: Collection[EffectiveAccount]) -> Found:
    """Find messages by a number in any spelling, a message id or a reference; raises `StoreError`."""
    ids, numbers = ids_of(what), numbers_of(what, accounts)
    keys = await store.rows(_FOUND_KEYS, {"ids": ids, "numbers": numbers, "most": MOST_MESSAGES})
    letters: Sequence[Row] = ()
    if len(what.strip()) >= _LEAST_SEARCHED:
        letters = await store.rows(_LETTERS, {"what": what.strip(), "most": _MOST_LETTERS})
    return Found(await messages_of(store, keys), letters)


async def messages_of(store: StoreClient, keys: Sequence[Row]) -> Sequence[FoundMessage]:
    """Return the messages of these keys (rows of provider, account, message_id and recipient), in their order."""
    if not keys:
        return ()
    asked: Parameters = {
        "ids": sorted({key["message_id"] for key in keys}),
        "numbers": sorted({key["recipient"] for key in keys}),
    }
    reports = _by_key(await store.rows(_REPORTS, asked))
    submissions = _by_key(await store.rows(_SUBMISSIONS, asked))
    messages = _by_key(await store.rows(_MESSAGES, asked))
    submitting = await _submitting(store, keys)
    return [
        _message(
            {**message, "account_submits": (message["provider"], message["account"]) in submitting},
            next(iter(submissions[_key(key)]), None),
            [report for report in reports[_key(key)] if _same_message(report, message)],
        )
        for key in keys
        for message in messages[_key(key)]
    ]


async def _submitting(store: StoreClient, keys: Sequence[Row]) -> set[tuple[str, str]]:
    """Return those of these accounts that have any submission in the store."""
    accounts = {(key["provider"], key["account"]) for key in keys}
    return {
        (provider, account)
        for provider, account in accounts
        if await store.rows(_SUBMITS, {"provider": provider, "account": account})
    }


#: The answer that a report's provider got; a report is in the store only if it was accepted.
_ANSWERED: Final = {
    Source.CALLBACK: "acknowledged as stored",
    Source.POLL: "nothing: dlrhub had asked for it",
    Source.REPLAY: "nothing: it was read again from what was stored",
}


def _message(message: Mapping[str, Any], submission: Row | None, reports: Sequence[Row]) -> FoundMessage:
    return FoundMessage(
        message=message,
        submission=submission,
        reports=[FoundReport(row, meaning_of(row), _ANSWERED[Source(row["source"])]) for row in reports],
        advice=list(advice_for(message, unmapped=any(row["unmapped"] for row in reports))),
    )


def _same_message(report: Row, message: Mapping[str, Any]) -> bool:
    """Tell whether a report is of this message; CM's messages may share a reference, but not the time of creation."""
    return "message_stamp" not in message or bool(report["message_stamp"] == message["message_stamp"])


def _by_key(rows: Sequence[Row]) -> defaultdict[tuple[str, ...], list[Row]]:
    found: defaultdict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in rows:
        found[_key(row)].append(row)
    return found


def _key(row: Row) -> tuple[str, ...]:
    return tuple(row[name] for name in _KEY)
