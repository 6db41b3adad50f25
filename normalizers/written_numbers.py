"""
Phone numbers inside text: finds runs that may be one, and replaces every spelling of a known one.

Payloads spell a number with and without its country code, with separators, percent-encoded, as JSON or HTML escapes,
in hexadecimal, and in the digits of other scripts. Masking numbers and erasing a person both need all of these found.
"""

import re
import sys
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

import phonenumbers

#: A run of fewer digits is not taken for a subscriber's number: times, codes and amounts look the same.
LEAST_DIGITS: Final = 7
#: More separators in a row end a number. People write up to three; the number parser takes any number of them.
_MOST_SEPARATORS: Final = 12


def _digits_of_all_scripts() -> Mapping[str, str]:
    """Return every character that stands for each digit: decimal digits of all scripts, and superscripts."""
    characters: defaultdict[str, str] = defaultdict(str)
    for point in range(sys.maxunicode + 1):
        value = unicodedata.digit(chr(point), None)
        if value is not None:
            characters[str(value)] += chr(point)
    return characters


_CHARACTERS: Final = _digits_of_all_scripts()
#: One digit, plain or escaped: %31, %2531, \u0031, \x31, &#49;, &#x31;.
_DIGIT: Final = rf"(?:[{''.join(_CHARACTERS.values())}]|%(?:25)*3\d|\\u003\d|\\x3\d|&\#(?:0*(?:4[89]|5[0-7])|x0*3\d);)"
_SEPARATOR: Final = (
    r"(?:[\s\x00\u00a0\u2010-\u2015\u2212\u200b-\u200f\u202a-\u202e\u2060-\u2069().,:_*/\[\]+\-]"
    r"|%(?:25)*(?:20|2B|2D|28|29|2E|2F|5F|00|09)|\\[nrt]|\\u00[0a]0)"
)
_RUN: Final = re.compile(
    f"{_DIGIT}(?:{_SEPARATOR}{{0,{_MOST_SEPARATORS}}}{_DIGIT}){{{LEAST_DIGITS - 1},}}", re.IGNORECASE
)
_TOKEN: Final = re.compile(f"{_SEPARATOR}|({_DIGIT})", re.IGNORECASE)


class _Digit(NamedTuple):
    """One digit of a run: its value, and where its spelling begins and ends in the text."""

    value: str
    start: int
    end: int


def replace_runs(text: str, replace: Callable[[str], str]) -> str:
    """Return `text` with `replace` applied to each run of digits that may be a phone number."""
    return _RUN.sub(lambda run: replace(run[0]), text)


def digits_of(run: str) -> str:
    """Return the digits of a run, as ASCII digits."""
    return "".join(digit.value for digit in _digits(run, 0))


def replace_number(text: str, number: str, replacement: str) -> str:
    """
    Return `text` with every spelling of `number` replaced: with its country code, with a leading zero, and bare.

    `number` is E.164 with `+`, or digits that could not be read as a number. A longer number that contains it stays.
    """
    country_code, national = split_number(number)
    if len(national) < LEAST_DIGITS:
        return text
    pieces, done = [], 0
    for run in _RUN.finditer(text):
        for start, end in _occurrences(_digits(run[0], run.start()), country_code, national):
            pieces += [text[done:start], replacement]
            done = end
    text = "".join([*pieces, text[done:]]) if pieces else text
    for form in _hexadecimal(national):
        text = text.replace(form, replacement)
    return text


def number_regexp(number: str) -> str:
    """
    Return a regular expression (RE2) that finds every text that may spell `number`; empty if it has too few digits.

    RE2 has no look-around: the groups 1 and 2 are the characters before and after the number, to be put back.
    """
    country_code, national = split_number(number)
    if len(national) < LEAST_DIGITS:
        return ""
    country = f"(?:(?:{_spelled_re2('00')})?{_spelled_re2(country_code)})?" if country_code else ""
    spelled = f"{country}(?:{_spelled_re2('0')})?{_SEPARATOR_RE2.join(map(_digit_re2, national))}"
    # \b, because [^0-9] does not match a byte that is no UTF-8.
    return rf"(?i)(^|[^0-9]|\b)(?:{spelled})($|[^0-9]|\b)|{'|'.join(_hexadecimal(national))}"


def split_number(number: str) -> tuple[str, str]:
    """Return the calling code and the national digits; the code is empty if the number does not begin with `+`."""
    digits = digits_of(number)
    if number.startswith("+"):
        for length in (1, 2, 3):
            if int(digits[:length] or 0) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
                return digits[:length], digits[length:]
    return "", digits.lstrip("0")


def _hexadecimal(digits: str) -> tuple[str, str]:
    """Return digits in hexadecimal, as ASCII and as UTF-16: Santo's `sm` is written so."""
    return digits.encode().hex(), digits.encode("utf-16-be").hex()


def _digits(run: str, offset: int) -> list[_Digit]:
    return [
        _Digit(_value(token[1]), offset + token.start(), offset + token.end())
        for token in _TOKEN.finditer(run)
        if token[1] is not None
    ]


def _value(spelled: str) -> str:
    if len(spelled) == 1:
        return str(unicodedata.digit(spelled))
    if spelled.startswith("&#") and spelled[2] not in "xX":
        return chr(int(spelled[2:-1]))
    return spelled.rstrip(";")[-1]


def _occurrences(digits: list[_Digit], country_code: str, national: str) -> Iterator[tuple[int, int]]:
    """Yield start and end of each occurrence of a number among the digits of a run, its prefix included."""
    values = "".join(digit.value for digit in digits)
    at = values.find(national)
    while at >= 0:
        last = at + len(national) - 1
        starts = (at - length for length in _prefix_lengths(values[:at], country_code))
        first = next((start for start in starts if not _touches(digits, start - 1)), None)
        if first is None or _touches(digits, last):
            at = values.find(national, at + 1)
        else:
            yield digits[first].start, digits[last].end
            at = values.find(national, last + 1)


def _prefix_lengths(before: str, country_code: str) -> Iterator[int]:
    """Yield how many of the digits before a national number may be its own prefix, the longest first."""
    for prefix in (f"00{country_code}", f"{country_code}0", country_code, "0", ""):
        if before.endswith(prefix):
            yield len(prefix)


def _touches(digits: list[_Digit], index: int) -> bool:
    """Tell whether a digit and the next one stand side by side, so that they belong to one number."""
    return 0 <= index < len(digits) - 1 and digits[index].end == digits[index + 1].start


_SEPARATOR_RE2: Final = (
    rf"(?:[^0-9A-Za-z]|%(?:25)*[0-9A-Fa-f]{{2}}|\\[nrt]|\\u[0-9A-Fa-f]{{4}}){{0,{_MOST_SEPARATORS}}}"
)


def _spelled_re2(digits: str) -> str:
    """Return a pattern of digits, each followed by a separator."""
    return "".join(_digit_re2(digit) + _SEPARATOR_RE2 for digit in digits)


def _digit_re2(digit: str) -> str:
    code = f"{ord(digit):02x}"
    return f"(?:[{_CHARACTERS[digit]}]|%(?:25)*{code}|\\\\u00{code}|\\\\x{code}|&#0*{ord(digit)};|&#x0*{code};)"
