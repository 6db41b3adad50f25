"""
Phone numbers: from a provider's spelling to E.164 and the country.

Numbers that the fast path (`numbering`) does not recognise are read by the `phonenumbers` library.
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import phonenumbers

from normalizers.numbering import WORLD, country_of, recognise

#: A reading of a number: its digits, and the region they are dialled in (None: they begin with a calling code).
_Reading = tuple[str, str | None]
#: E.164, and the ISO 3166-1 alpha-2 country or nothing.
_Number = tuple[str, str]

_MOBILE: Final = frozenset({phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE})
_PLUS: Final = frozenset("+\uff0b")
_AS_A_NUMBER: Final = re.compile(r"[\d\s().\-/\u2010-\u2015\u2212]*")
_NOT_DIGITS: Final = re.compile(r"\D+")


def read_number(text: str, *, default_region: str | None = None, international: bool = True) -> _Number:
    """
    Return a number's E.164 form with `+`, and its country (ISO 3166-1 alpha-2, or empty if there is none).

    `+` and `00` begin an international number. Bare digits are read as international if `international` is set, else,
    or if that fails, as national in `default_region`. A text that is no possible number is returned trimmed, with no
    country.
    """
    text = text.strip()
    digits, plus = _digits(text)
    readings: list[_Reading] = []
    if plus or international:
        readings.append((digits, None))
    if default_region is not None and not plus:
        readings.append((digits, default_region))
    return _read(readings) or (text, "")


def read_split_number(calling_code: str, text: str) -> _Number:
    """
    Read a number whose calling code is in a field of its own; the number may begin with the code nevertheless.

    If both readings make a number, the mobile phone's is taken; if both or neither is one, the code is taken as not yet
    part of the number. A text that is no possible number is returned trimmed, with the calling code's country if that is
    unique.
    """
    text = text.strip()
    code, _ = _digits(calling_code)
    digits, plus = _digits(text)
    readings: list[_Reading] = []
    if code and digits and not plus:
        readings.append((code + digits, None))
    if plus or (code and digits.startswith(code)):
        readings.append((digits, None))
    if len(readings) > 1:
        readings.sort(key=lambda reading: not _is_mobile(reading[0]))
    return _read(readings) or (text, country_of(code))


def _is_mobile(digits: str) -> bool:
    """Tell whether an international number may be a mobile phone's; in some countries any number may."""
    with suppress(phonenumbers.NumberParseException):
        return phonenumbers.number_type(phonenumbers.parse(f"+{digits}")) in _MOBILE
    return False


def _digits(text: str) -> tuple[str, bool]:
    """Return a written number's digits, empty if it is no number, and whether it begins with `+` or `00`."""
    plus = text[:1] in _PLUS
    digits = text[1:] if plus else text
    if not (digits.isascii() and digits.isdigit()):
        if _AS_A_NUMBER.fullmatch(digits) is None:
            return "", False
        digits = "".join(str(int(digit)) for digit in _NOT_DIGITS.sub("", digits))
    if digits.startswith("00") and not plus:
        return digits[2:], True
    return digits, plus


def _read(readings: Sequence[_Reading]) -> _Number | None:
    """Return the first reading that is a valid number, else the first that is a possible one."""
    possible = None
    for digits, region in readings:
        number = recognise(digits, region)
        if number is not None:
            return number
        valid, number = _parsed(digits, region)
        if valid:
            return number
        possible = possible or number
    return possible


def _parsed(digits: str, region: str | None) -> tuple[bool, _Number | None]:
    """Let the library read a number: return whether it is valid, and the number if it is at least possible."""
    try:
        number = phonenumbers.parse(digits if region else f"+{digits}", region)
    except phonenumbers.NumberParseException:
        return False, None
    valid = phonenumbers.is_valid_number(number)
    if not (valid or phonenumbers.is_possible_number(number)):
        return False, None
    country = phonenumbers.region_code_for_number(number) if valid else country_of(str(number.country_code))
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return valid, (e164, "" if country in {None, WORLD} else str(country))
