"""
Replays dead letters: parses each letter again, and appends its reports to the stream if that succeeds.

A replayed report has the same event id as if it had been parsed at first, so neither a second replay nor another copy
of it changes a count. The reports of a letter and its outcome are appended together.
"""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from ingest.connections.clickhouse import StoreClient
from ingest.reprocessing.letters import START, Letter, LetterFilter, LetterPosition, letters
from ingest.reprocessing.rereading import Rereader
from normalizers.errors import MalformedError
from normalizers.model import DeliveryReport, InboundMessage, Reject
from sinks.errors import RefusedError
from sinks.records import DeadLetter, LetterKind, letter_record
from sinks.rows import check, written
from sinks.stream import Producer, Record, Topic


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """The outcome of one letter's replay; `words` become its `resolution` in the store."""

    position: LetterPosition
    resolved: bool
    words: str


async def replay(
    store: StoreClient, producer: Producer, rereader: Rereader, wanted: LetterFilter, after: LetterPosition = START
) -> AsyncGenerator[Replayed]:
    """
    Replay every matching letter after a position, the oldest first; yield each outcome once it is durable.

    Raises `StoreError` if the store can't be read, and `BusyError` if the stream takes nothing.
    """
    async for letter in letters(store, wanted, after):
        records, resolved, words = _read_again(letter, rereader)
        now = datetime.now(UTC)
        resolution = DeadLetter(
            id=letter.id,
            kind=letter.origin.kind,
            provider=letter.origin.provider,
            account=letter.origin.account,
            why=letter.why,
            received_at=now,
            resolved_at=now if resolved else None,
            resolution=words,
        )
        await producer.append([*records, letter_record(resolution)])
        yield Replayed(position=letter.position, resolved=resolved, words=words)


def _read_again(letter: Letter, rereader: Rereader) -> tuple[Sequence[Record], bool, str]:
    """Return the records that a letter makes today, whether it could be parsed, and the outcome in words."""
    if letter.origin.kind is LetterKind.RECORD:
        return _sent_again(letter)
    try:
        items = rereader.letter(letter)
    except MalformedError as error:
        return [], False, f"{error.why} at {error.where}: {error.detail}"
    if all(isinstance(item, Reject) for item in items):
        return [], False, "none of its items can be read"
    privacy = rereader.account(letter.origin.provider, letter.origin.account).privacy
    origin = msgspec.structs.replace(letter.origin, privacy=privacy)
    return [origin.record(item) for item in items], True, _counted(items)


def _sent_again(letter: Letter) -> tuple[Sequence[Record], bool, str]:
    """Return the record that the store had refused, if today's program accepts it."""
    try:
        topic = Topic(letter.location)
        row = check(topic, letter.body)
    except (ValueError, RefusedError) as error:
        return [], False, f"is still no value that the store takes: {error}"
    key = str(getattr(row, "message_id", ""))
    return [Record(topic, key, letter.origin.provider, written(row))], True, f"sent to the store again, into {topic}"


def _counted(items: Sequence[object]) -> str:
    kinds = {"report": DeliveryReport, "inbound message": InboundMessage, "unreadable item": Reject}
    counts = {name: sum(isinstance(item, kind) for item in items) for name, kind in kinds.items()}
    said = [f"{count} {name}{'s' if count > 1 else ''}" for name, count in counts.items() if count]
    return ", ".join(said) or "nothing in it"
