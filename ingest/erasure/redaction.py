"""Replaces a number, however it is spelled, by `***` in a record of the stream or in bytes."""

import base64
from collections.abc import Callable, Collection
from typing import Final

import msgspec

from normalizers.written_numbers import replace_number
from sinks.journal.rewrite import Change
from sinks.personal import PERSONAL
from sinks.stream import Record

_MASK: Final = "***"
_BASE64: Final = b'"base64"'
_decode: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def erasing(number: str, stored_as: Collection[str]) -> Change:
    """Return a function that returns None for a record about a number, and any other record without the number."""

    def redact(text: str) -> str:
        return replace_number(text, number, _MASK)

    def is_number(text: str) -> bool:
        return text in stored_as or redact(text) != text

    def change(record: Record) -> Record | None:
        columns, fields = PERSONAL[record.topic], _decode(record.value)
        if any(is_number(_text(fields[name])) for name in columns.numbers if name in fields):
            return None
        redacted = {**fields, **{name: _redacted(name, fields, redact) for name in columns.texts if name in fields}}
        if redacted == fields:
            return record
        key = redact(record.key) if "message_id" in columns.texts else record.key
        return Record(record.topic, key, record.provider, msgspec.json.encode(redacted))

    return change


def redacted_bytes(content: bytes, number: str) -> bytes:
    """Return bytes (not necessarily UTF-8) without the number."""
    return _in_bytes(content, lambda text: replace_number(text, number, _MASK))


def _redacted(name: str, fields: dict[str, msgspec.Raw], redact: Callable[[str], str]) -> msgspec.Raw:
    """Return a field without the number; a field that does not hold it is returned unchanged, byte for byte."""
    field = fields[name]
    if name == "tags":
        tags = msgspec.json.decode(field, type=dict[str, str])
        return _field(tags, {redact(key): redact(value) for key, value in tags.items()}, field)
    text = _text(field)
    if name == "body" and bytes(fields["body_encoding"]) == _BASE64:
        return _field(text, base64.b64encode(_in_bytes(base64.b64decode(text), redact)).decode(), field)
    return _field(text, redact(text), field)


def _field(before: object, after: object, field: msgspec.Raw) -> msgspec.Raw:
    return field if after == before else msgspec.Raw(msgspec.json.encode(after))


def _text(field: msgspec.Raw) -> str:
    """Return a field as text: a string, or a customer's JSON as it is."""
    value = msgspec.json.decode(field)
    return value if isinstance(value, str) else bytes(field).decode()


def _in_bytes(content: bytes, redact: Callable[[str], str]) -> bytes:
    return redact(content.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
