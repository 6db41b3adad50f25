"""
Replays dead letters: each is read again, and what can be read now goes into the stream like a callback's reports.

A report that is replayed has the event id that it would have had, so a second replay, or a copy that the provider sent
meanwhile, changes no count. The letter and its reports are appended together.
"""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ingest.connections.clickhouse import StoreClient
from ingest.reprocessing.letters import START, Letter, LetterFilter, LetterPosition, letters
from ingest.reprocessing.rereading import Rereader
from normalizers.errors import MalformedError
from normalizers.model import DeliveryReport, InboundMessage, Reject
from sinks.errors import RefusedError
from sinks.origin import Origin
from sinks.records import LetterKind, resolution_record
from sinks.rows import check, written
from sinks.stream import Producer, Record, Topic


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """The outcome of one letter's replay: the words are those of its `resolution` in the store."""

    position: LetterPosition
    resolved: bool
    words: str

    @property
    def letter_id(self) -> str:
        """Return the letter's id."""
        return self.position.letter_id


async def replay(
    store: StoreClient, producer: Producer, rereader: Rereader, wanted: LetterFilter, after: LetterPosition = START
) -> AsyncGenerator[Replayed]:
    """
    Replay every letter that matches after a position, the oldest first, and yield what became of each once it is durable.

    Raises `StoreError` if the letters can't be read, and `BusyError` if the stream takes nothing.
    """
    async for letter in letters(store, wanted, after):
        records, resolved, words = read_again(letter, rereader)
        resolution = resolution_record(
            letter_id=letter.id,
            kind=letter.kind,
            provider=letter.provider,
            account=letter.account,
            why=letter.why,
            at=datetime.now(UTC),
            resolved=resolved,
            words=words,
        )
        await producer.append([*records, resolution])
        yield Replayed(position=letter.position, resolved=resolved, words=words)


def read_again(letter: Letter, rereader: Rereader) -> tuple[Sequence[Record], bool, str]:
    """Return the records that a letter makes today, whether it could be read, and that in words."""
    if letter.kind is LetterKind.RECORD:
        return _sent_again(letter)
    try:
        items = rereader.letter(letter)
    except MalformedError as error:
        return [], False, f"{error.why} at {error.where}: {error.detail}"
    if all(isinstance(item, Reject) for item in items):
        return [], False, "none of its items can be read"
    origin = _origin(letter, rereader)
    return [origin.record(item) for item in items], True, _counted(items)


def _sent_again(letter: Letter) -> tuple[Sequence[Record], bool, str]:
    try:
        topic = Topic(letter.location)
        row = check(topic, letter.body)
    except (ValueError, RefusedError) as error:
        return [], False, f"is still no value that the store takes: {error}"
    key = str(getattr(row, "message_id", ""))
    return [Record(topic, key, letter.provider, written(row))], True, f"sent to the store again, into {topic}"


def _origin(letter: Letter, rereader: Rereader) -> Origin:
    return Origin(
        kind=letter.kind,
        provider=letter.provider,
        account=letter.account,
        method=letter.method,
        path=letter.path,
        query=letter.query,
        headers=letter.headers,
        received_at=letter.first_received_at,
        privacy=rereader.account(letter.provider, letter.account).privacy,
    )


def _counted(items: Sequence[object]) -> str:
    kinds = {"report": DeliveryReport, "inbound message": InboundMessage, "unreadable item": Reject}
    counts = {name: sum(isinstance(item, kind) for item in items) for name, kind in kinds.items()}
    said = [f"{count} {name}{'s' if count > 1 else ''}" for name, count in counts.items() if count]
    return ", ".join(said) or "nothing in it"
