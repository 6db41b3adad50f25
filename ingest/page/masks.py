"""
What the page shows of phone numbers, and of what others wrote: never a whole number, and nothing that can't be seen.

In text, any run of seven digits or more is taken for a number, however it is written: with spaces or dashes, in other
scripts' digits, percent-encoded, or in hexadecimal. A date is not; its parts are bounded on both sides.
"""

import re
from typing import Final

import phonenumbers

_BULLET: Final = "•"
_SHOWN_DIGITS: Final = 2
_LEAST_DIGITS: Final = 7

_DIGIT: Final = r"(?:\d|%3\d|\\u003\d|\\x3\d|&\#(?:4[89]|5[0-7]);)"
_BETWEEN: Final = r"[ \t\u00a0.()/\-\x00\u200b-\u200f\u202a-\u202e\u2060-\u2069]{0,3}"
_RUN: Final = re.compile(
    rf"""
    (?P<date> (?<!\d) (?:19|20)\d\d ([-/]) [01]\d \2 [0-3]\d (?: (?:[T+ ]|%20) [0-2]\d (?: :|%3A ) [0-5]\d )? (?!{_DIGIT}) )
  | {_DIGIT} (?: {_BETWEEN} {_DIGIT} ){{{_LEAST_DIGITS - 1},}}
    """,
    re.VERBOSE | re.IGNORECASE,
)
_ONE: Final = re.compile(_DIGIT)
_UNSEEN: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def mask_number(number: str) -> str:
    """Keep the country code and the last two digits of a recipient; of what is no number in full, the last two."""
    digits = sum(character.isdigit() for character in number)
    if digits <= _SHOWN_DIGITS:
        return number
    code = _calling_code(number)
    hidden = digits - len(code) - _SHOWN_DIGITS
    return f"+{code}{_BULLET * hidden}{number[-_SHOWN_DIGITS:]}" if code else _hide(number)


def mask_text(text: str) -> str:
    """Hide what may be a phone number in text that somebody else wrote."""
    return _RUN.sub(lambda run: run[0] if run["date"] else _hide(run[0]), text)


def mask_id(text: str, recipient: str) -> str:
    """Hide the recipient's number where a message id holds it."""
    digits = re.sub(r"\D", "", recipient)
    return mask_text(text) if len(digits) >= _LEAST_DIGITS and digits[-_LEAST_DIGITS:] in text else text


def make_visible(text: str) -> str:
    """Write what can't be seen, or turns the direction of what follows, as its code point."""
    return _UNSEEN.sub(lambda unseen: f"\\u{ord(unseen[0]):04x}", text)


def shown(text: str, *, show_numbers: bool) -> str:
    """Return what others wrote as it may be shown."""
    return make_visible(text if show_numbers else mask_text(text))


def _calling_code(number: str) -> str:
    if not re.fullmatch(r"\+\d{7,15}", number):
        return ""
    codes = (number[1 : 1 + length] for length in (1, 2, 3))
    return next((code for code in codes if int(code) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE), "")


def _hide(run: str) -> str:
    """Hide all digits but the last two."""
    left = len(_ONE.findall(run)) - _SHOWN_DIGITS

    def hide(digit: re.Match[str]) -> str:
        nonlocal left
        left -= 1
        return _BULLET if left >= 0 else digit[0]

    return _ONE.sub(hide, run)
