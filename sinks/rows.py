"""
The check of one value before it is joined with others into an insert.

Values of a Kafka topic may come from any program. ClickHouse reads joined values as one text, so that a value which is
cut off could swallow its neighbours; each one is therefore decoded alone, and the rows are written anew. That leaves out
unknown fields, repeated keys and white space.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, Final, TypeAlias, get_type_hints
from uuid import UUID

import msgspec

from normalizers.model import DeliveryReport, InboundMessage
from normalizers.submissions import Submission
from sinks.errors import RefusedError
from sinks.records import DeadLetter
from sinks.stream import Topic

Row: TypeAlias = DeliveryReport | InboundMessage | DeadLetter | Submission

_TYPES: Final[Mapping[Topic, type[Row]]] = {
    Topic.REPORTS: DeliveryReport,
    Topic.INBOUND: InboundMessage,
    Topic.DEAD_LETTERS: DeadLetter,
    Topic.SUBMISSIONS: Submission,
}
#: Columns that are narrower than their field's type in Python.
_COLUMNS: Final[Mapping[str, Any]] = {
    "event_id": UUID,
    "id": Annotated[str, msgspec.Meta(pattern="^[ -~]{32}$")],
    "custom": msgspec.Raw,
    "normalizer": Annotated[int, msgspec.Meta(ge=0, le=65_535)],
}
#: Years that ClickHouse's DateTime, which the views count in, can hold as a whole.
_FIRST_YEAR: Final = 1970
_LAST_YEAR: Final = 2105

_encode: Final = msgspec.json.Encoder().encode


def _decoder(kind: type[Row]) -> Callable[[bytes], Row]:
    """Return what decodes a JSON object that has every field of `kind`, those with a default in Python too."""
    fields = [(name, _COLUMNS.get(name, given)) for name, given in get_type_hints(kind).items()]
    complete = msgspec.defstruct(f"Complete{kind.__name__}", fields, bases=(kind,), kw_only=True, frozen=True, gc=False)
    decode: Callable[[bytes], Any] = msgspec.json.Decoder(complete).decode
    return decode


_DECODERS: Final = {topic: _decoder(kind) for topic, kind in _TYPES.items()}
_TIMES: Final = {
    topic: [name for name, given in get_type_hints(kind).items() if given in (datetime, datetime | None)]
    for topic, kind in _TYPES.items()
}


def columns(topic: Topic) -> tuple[str, ...]:
    """Return the columns of a topic's rows, in the order of their fields."""
    return _TYPES[topic].__struct_fields__


def check(topic: Topic, value: bytes) -> Row:
    """
    Decode one value into a row of its topic's table.

    Raises `RefusedError` if it is no complete JSON object of the topic's columns; the error says what is wrong and where,
    and repeats nothing of the value, which may hold a phone number.
    """
    try:
        row = _DECODERS[topic](value)
        bytes(getattr(row, "custom", None) or b"").decode()  # the decoder passes these bytes through as they are
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RefusedError(f"no complete row of {topic}: {_explain(error)}") from None
    for name in _TIMES[topic]:
        at = getattr(row, name)
        if at is not None and (at.tzinfo is None or not _FIRST_YEAR <= at.year <= _LAST_YEAR):
            raise RefusedError(f"no complete row of {topic}: {name} has no UTC offset, or is out of range")
    return row


def written(row: Row) -> bytes:
    """Return a row as the value of a record: a JSON object with all columns, and nothing else."""
    return _encode(row)


def _explain(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    said = str(error)
    if said.startswith("Invalid enum value"):  # it goes on with the value
        return f"unknown word in {said.rpartition(' - at ')[2]}"
    return said
