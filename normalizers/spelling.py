"""
Canonical spelling: one form for a value that providers write in several.

Event ids are made of words in this spelling. The functions depend on the characters alone, and not on settings, phone
number data or code tables, so that a change of those never changes an id. A change of one of these functions does: it
needs a new `Parser.identity` for every provider that uses the function.
"""

import re
from datetime import date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Final, NamedTuple

#: The day of a stamp that is missing, can't be read, or lies outside of `_YEARS`.
NO_DAY: Final = date(1970, 1, 1)
_YEARS: Final = range(2000, 2100)

_NOT_DIGITS: Final = re.compile(r"\D+")
_PHONE_NUMBER: Final = re.compile(r"[\s(]*[+\uff0b]?[\d\s().\-/\u2010-\u2015\u2212]*\d[\d\s().\-/\u2010-\u2015\u2212]*")
_STAMP: Final = re.compile(
    r"(\d{4})([-/.]?)(\d\d)\2(\d\d)(?:[Tt]|\s*)(\d\d):?(\d\d)(?::?(\d\d)(?:[.,](\d{1,9}))?)?"
    r"\s*(?:([Zz])|([+-]?)(\d\d):?(\d\d))?",
    re.ASCII,
)
#: A mobile number of mainland China: 11 digits, of which the first is 1 and the second is 3 or higher.
_CHINESE_MOBILE: Final = re.compile(r"86(1[3-9]\d{9})", re.ASCII)


def spell_code(text: str) -> str:
    """Spell a status or a code: trimmed, in upper case."""
    return text.strip().upper()


def spell_number(text: str) -> str:
    """Spell a phone number: its digits without `+`, `00` or any other zero in front, and without separators."""
    if not (text.isascii() and text.isdigit()):
        if _PHONE_NUMBER.fullmatch(text) is None:
            return text.strip().upper()
        text = "".join(str(int(digit)) for digit in _NOT_DIGITS.sub("", text.replace("(0)", "")))
    return text.lstrip("0")


def spell_chinese_number(text: str) -> str:
    """Spell a phone number; mobile numbers of mainland China without their country code, which is often left out."""
    number = spell_number(text)
    mobile = _CHINESE_MOBILE.fullmatch(number)
    return number if mobile is None else mobile[1]


def spell_split_number(calling_code: str, text: str) -> str:
    """Spell a phone number whose calling code is in a field of its own, and may also begin the number."""
    code, number = spell_number(calling_code), spell_number(text)
    while code and number.startswith(code):
        number = number.removeprefix(code).lstrip("0")
    return f"{code} {number}"


class Stamp(NamedTuple):
    """A time as its provider wrote it, in canonical spelling, and the day that it names."""

    text: str
    day: date


NO_STAMP: Final = Stamp("", NO_DAY)


def spell_stamp(text: str, zone: timezone) -> Stamp:
    """
    Spell a time: `2025-11-20T12:00:05`, with a fraction of a second only if there is one.

    `zone` is the one of the provider's document: a stamp with an offset is converted to it, so that it equals the same
    stamp without an offset. A text that is no stamp keeps its words, in upper case.
    """
    return _spell_stamp(text, zone) if text else NO_STAMP


@lru_cache(maxsize=4096)
def _spell_stamp(text: str, zone: timezone) -> Stamp:
    """Spell a time; cached, because times are in whole seconds and many reports under load share one."""
    found = _STAMP.fullmatch(text.strip())
    try:
        at = None if found is None else _read_stamp(found, zone)
    except (ValueError, OverflowError):
        at = None
    if at is None:
        return Stamp(" ".join(text.split()).upper(), NO_DAY)
    return Stamp(at.isoformat().rstrip("0") if at.microsecond else at.isoformat(), _day(at))


def _read_stamp(found: re.Match[str], zone: tzinfo) -> datetime:
    """Read a match of `_STAMP` as a time in `zone`, without its offset."""
    year, _, month, day, hour, minute, second, fraction, utc, sign, hours, minutes = found.groups(default="")
    micro = int(f"{fraction:0<6}"[:6])
    at = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second or 0), micro)  # noqa: DTZ001 - below
    if not (utc or hours):
        return at
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0)) * (-1 if sign == "-" else 1)
    return at.replace(tzinfo=timezone(offset)).astimezone(zone).replace(tzinfo=None)


def _day(at: datetime) -> date:
    return at.date() if at.year in _YEARS else NO_DAY
