"""
Decodes bytes into fields, for all providers.

A value that can't be read raises `MalformedError` with the path of the fault, and never with the value itself.
"""

import math
import re
from codecs import BOM_UTF8
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Any, Final, TypeAlias, TypeVar
from urllib.parse import unquote_to_bytes

import msgspec

from normalizers.errors import Fault, MalformedError
from normalizers.model import Callback, DeliveryReport, InboundMessage, Item, Reject

_T = TypeVar("_T")

#: An object's values by name.
Fields: TypeAlias = Mapping[str, Any]

#: The time zone of providers in mainland China and Hong Kong.
UTC_8: Final = timezone(timedelta(hours=8))

#: Accepts any JSON, except for numbers out of a float's range.
_value: Final[msgspec.json.Decoder[Any]] = msgspec.json.Decoder()
_object: Final = msgspec.json.Decoder(dict[str, Any])
_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_elements: Final = msgspec.json.Decoder(list[msgspec.Raw])

FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 2100
#: An array with more unreadable items than this is refused as a whole.
MOST_UNREADABLE: Final = 10_000
_LONGEST_STAMP: Final = 64
#: Floats below this are exact for whole numbers.
_EXACT: Final = 2**53
_COMPACT_STAMP_LENGTH: Final = len("YYYYMMDDhhmmss")
#: `&` or `=` within a name or a value.
_ESCAPED_SEPARATOR: Final = re.compile(rb"%(?:26|3[Dd])")
_NOT_ASCII: Final = re.compile(rb"[\x80-\xff]")
#: An offset after a space, or one whose `+` a query string turned into a space.
_LOOSE_OFFSET: Final = re.compile(r"(:\d\d(?:[.,]\d+)?) ([+-]?)(\d\d:?\d\d)$", re.ASCII)


def body(callback: Callback) -> bytes:
    """Return the body without a byte order mark; an empty one is malformed."""
    content = without_mark(callback.body)
    if not content or content.isspace():
        raise MalformedError(Fault.EMPTY, "body", "is empty")
    return content


def without_mark(content: bytes) -> bytes:
    """Return a body without UTF-8's byte order mark, with which some clients begin one."""
    return content.removeprefix(BOM_UTF8)


def parameters(callback: Callback) -> tuple[bytes, str]:
    """
    Return a callback's parameters, still encoded, and whether they are from the `query` or the `body`.

    A POST may have them in its body, in its URL, or in both; of two of one name the body's counts.
    """
    if callback.method != "POST":
        return callback.query, "query"
    content = without_mark(callback.body).strip()
    if not content:
        return callback.query, "query" if callback.query else "body"
    return (callback.query + b"&" + content if callback.query else content), "body"


def holds_json(content: bytes) -> bool:
    """Tell whether a body is JSON, and not a form; its Content-Type is not relied on."""
    return content.lstrip()[:1] in {b"{", b"["}


def json_object(raw: bytes | msgspec.Raw, where: str = "$") -> dict[str, Any]:
    """Return an object with all its values read."""
    return _decoded(_object, raw, where, "an object")


def json_members(raw: bytes | msgspec.Raw, where: str = "$") -> dict[str, msgspec.Raw]:
    """Return an object with the bytes of each value, not decoded yet."""
    return _decoded(_members, raw, where, "an object")


def json_elements(raw: bytes | msgspec.Raw, where: str = "$") -> list[tuple[str, msgspec.Raw]]:
    """Return the bytes of an array's elements, each with its path; a lone object stands for an array of one."""
    if bytes(raw).lstrip()[:1] == b"{":
        return [(where, msgspec.Raw(raw))]
    elements = _decoded(_elements, raw, where, "an array or an object")
    return [(f"{where}[{at}]", element) for at, element in enumerate(elements)]


def member(members: Mapping[str, msgspec.Raw], name: str, where: str = "$") -> msgspec.Raw:
    """Return one member's bytes; it has to be there, and not null."""
    found = members.get(name)
    if found is None or bytes(found) == b"null":
        raise MalformedError(Fault.MISSING_FIELD, f"{where}.{name}", "is missing")
    return found


def _decoded(decoder: msgspec.json.Decoder[_T], raw: bytes | msgspec.Raw, where: str, kind: str) -> _T:
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        if decoder is not _value:  # the decoder stops at a value of another kind, and the rest may be no JSON
            _decoded(_value, raw, where, "in range")
        raise MalformedError(Fault.BAD_VALUE, where, f"is not {kind}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedError(Fault.NOT_JSON, where, f"is not JSON: {error}") from error


def each(
    elements: Sequence[tuple[str, msgspec.Raw]],
    read: Callable[[str, msgspec.Raw], DeliveryReport | InboundMessage],
    keep: Callable[[msgspec.Raw], bytes] = bytes,
    most_unreadable: int = MOST_UNREADABLE,
) -> list[Item]:
    """
    Read every element; one that can't be read becomes a `Reject`, whose `raw` is `keep(element)`.

    Raises the `MalformedError` of the first bad element if no element can be read, or more than `most_unreadable` can't:
    reading hundreds of thousands of them would hold up all other callbacks, and the whole callback is kept anyway.
    """
    items: list[Item] = []
    errors: list[MalformedError] = []
    for where, element in elements:
        try:
            items.append(read(where, element))
        except MalformedError as error:
            errors.append(error)
            items.append(Reject(error, keep(element)))
            if len(errors) > most_unreadable:
                raise errors[0] from None
    if errors and len(errors) == len(items):
        raise errors[0]
    return items


def pairs(encoded: bytes, *fallback: str) -> dict[str, str]:
    """
    Return the fields of a query string or a form body, decoded; of two of one name the last.

    A field that is not UTF-8 is decoded by the first charset of `fallback` that can, else as Latin-1.
    """
    found = {}
    if _ESCAPED_SEPARATOR.search(encoded) is None:  # nearly always: decoding all at once is half of the work
        with suppress(UnicodeDecodeError):
            for pair in unquote_to_bytes(encoded.replace(b"+", b" ")).decode().split("&"):
                name, _, value = pair.partition("=")
                found[name] = value
            return found
    for escaped in encoded.split(b"&"):
        raw_name, _, raw_value = escaped.partition(b"=")
        found[_unquoted(raw_name, fallback)] = _unquoted(raw_value, fallback)
    return found


def _unquoted(encoded: bytes, fallback: Sequence[str]) -> str:
    content = unquote_to_bytes(encoded.replace(b"+", b" "))
    for charset in ("utf-8", *fallback):
        with suppress(UnicodeDecodeError):
            return content.decode(charset)
    return content.decode("latin-1")


def as_text(encoded: bytes) -> str:
    """Return a query string or a form body as text that `pairs` reads the same: bytes beyond ASCII are escaped."""
    if encoded.isascii():  # nearly always
        return encoded.decode("ascii")
    return _NOT_ASCII.sub(lambda found: b"%%%02X" % found[0][0], encoded).decode("ascii")


def optional(fields: Fields, name: str, where: str) -> str:
    """Return a field as trimmed text, empty if it is missing or null."""
    value = fields.get(name)
    if type(value) is str:  # nearly always; most of a callback's time is spent here
        return value.strip()
    return "" if value is None else _text(value, name, where).strip()


def required(fields: Fields, name: str, where: str) -> str:
    """Return a field as trimmed text; it has to be there, but may be empty."""
    value = fields.get(name)
    return value.strip() if type(value) is str else verbatim(fields, name, where).strip()


def verbatim(fields: Fields, name: str, where: str) -> str:
    """Return a field as text, spaces and all; it has to be there, but may be empty."""
    value = fields.get(name)
    if value is None:
        raise MalformedError(Fault.MISSING_FIELD, f"{where}.{name}", "is missing")
    return _text(value, name, where)


def filled(fields: Fields, name: str, where: str) -> str:
    """Return a field as trimmed text; it has to be there and to say something."""
    text = required(fields, name, where)
    if not text:
        raise MalformedError(Fault.BAD_VALUE, f"{where}.{name}", "is empty")
    return text


def _text(value: Any, name: str, where: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return str(int(value))
    raise MalformedError(Fault.BAD_VALUE, f"{where}.{name}", "is neither text nor a whole number")


def balance(answer: bytes) -> float:
    """Return the `balance` in an answer, a number or text."""
    try:
        number = float(first_object(answer)["balance"])
    except (KeyError, TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise MalformedError(Fault.BAD_VALUE, "$.balance", "is not a number")
    return number


def first_object(raw: bytes) -> dict[str, Any]:
    """Return an object, or the first one of an array, with all its values read; empty if there is none."""
    try:
        [(where, element), *_] = json_elements(without_mark(raw))
        return json_object(element, where)
    except (MalformedError, ValueError):
        return {}


def nested(fields: Fields, name: str, where: str) -> Fields:
    """Return a field that is an object; it has to be there."""
    value = fields.get(name)
    if value is None:
        raise MalformedError(Fault.MISSING_FIELD, f"{where}.{name}", "is missing")
    if not isinstance(value, dict):
        raise MalformedError(Fault.BAD_VALUE, f"{where}.{name}", "is not an object")
    return value


def time(text: str, zone: tzinfo) -> datetime | None:
    """
    Return a stamp in UTC to the millisecond, read in `zone` if it has no offset of its own.

    None if it can't be read or lies outside of 1970 to 2100. That is no reason to refuse a report: the documents' own
    examples have placeholders for times.
    """
    return _time(text, zone) if len(text) <= _LONGEST_STAMP else None


@lru_cache(maxsize=4096)
def _time(text: str, zone: tzinfo) -> datetime | None:
    """Read a stamp; cached, because stamps are in whole seconds and many reports under load share one."""
    try:
        at = _stamp(text)
        at = (at.replace(tzinfo=zone) if at.tzinfo is None else at).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    if not FIRST_YEAR <= at.year <= LAST_YEAR:
        return None
    finer = at.microsecond % 1000
    return at.replace(microsecond=at.microsecond - finer) if finer else at


def _stamp(text: str) -> datetime:
    if len(text) == _COMPACT_STAMP_LENGTH and text.isdigit():
        text = f"{text[:8]}T{text[8:]}"
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        mended = _LOOSE_OFFSET.sub(lambda found: f"{found[1]}{found[2] or '+'}{found[3]}", text)
        return datetime.fromisoformat(mended)
