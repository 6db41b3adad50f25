"""
Masks phone numbers and invisible characters in texts for the page.

In text that others wrote, every run of at least seven digits counts as a number, however it is written
(`normalizers.written_numbers`), except dates and times of day.
"""

import html
import re
from typing import Final
from urllib.parse import unquote

import phonenumbers

from normalizers.written_numbers import LEAST_DIGITS, digits_of, replace_runs

_BULLET: Final = "•"
_SHOWN_DIGITS: Final = 2
#: How many layers of escapes are decoded to find numbers within.
_LAYERS: Final = 4

_STAMP: Final = re.compile(
    r"""
    (?: (?:19|20)\d\d ([-/]) [01]\d \1 [0-3]\d (?: [T+ ]+ [0-2]\d (?: :[0-5]\d (?: :[0-5]\d (?:[.,]\d{1,9})? )? )? )?
      | [0-2]\d:[0-5]\d:[0-5]\d[.,]\d{1,9}
    ) (?: [ ]?[+-]\d\d:?\d\d )?
    """,
    re.VERBOSE | re.ASCII,
)
_ONE: Final = re.compile(r"%3\d|\\u003\d|\\x3\d|&\#(?:4[89]|5[0-7]|x3\d);|\d|[²³¹⁰-⁹₀-₉]", re.IGNORECASE)
_JSON_ESCAPE: Final = re.compile(r"\\+[ux](?:00)?([0-9a-fA-F]{2}|[0-9a-fA-F]{4})")
_UNSEEN: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def mask_number(number: str) -> str:
    """Mask a number up to its last two digits; the country code of a full number is shown, too."""
    digits = sum(character.isdigit() for character in number)
    if digits <= _SHOWN_DIGITS:
        return number
    code = _calling_code(number)
    hidden = digits - len(code) - _SHOWN_DIGITS
    return f"+{code}{_BULLET * hidden}{number[-_SHOWN_DIGITS:]}" if code else _hide(number, _SHOWN_DIGITS)


def mask_text(text: str) -> str:
    """Mask all that may be a phone number in text that somebody else wrote."""
    masked = replace_runs(text, lambda run: run if _is_stamp(run) else _hide(run, _SHOWN_DIGITS))
    return _hide(masked, 0) if _holds_number(masked) else masked


def mask_id(text: str, recipient: str) -> str:
    """Mask a message id if it contains the recipient's number."""
    digits = re.sub(r"\D", "", recipient)
    return mask_text(text) if len(digits) >= LEAST_DIGITS and digits[-LEAST_DIGITS:] in text else text


def make_visible(text: str) -> str:
    """Write invisible characters, and those that change the direction of text, as escapes."""
    return _UNSEEN.sub(lambda unseen: f"\\u{ord(unseen[0]):04x}", text)


def _calling_code(number: str) -> str:
    if not re.fullmatch(r"\+\d{7,15}", number):
        return ""
    codes = (number[1 : 1 + length] for length in (1, 2, 3))
    return next((code for code in codes if int(code) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE), "")


def _is_stamp(run: str) -> bool:
    return _STAMP.fullmatch(unquote(run)) is not None


def _holds_number(text: str) -> bool:
    """Tell whether a number appears once nested escapes are decoded."""
    for _ in range(_LAYERS):
        plain = html.unescape(unquote(_JSON_ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), text)))
        if plain == text:
            break
        text = plain
        if replace_runs(text, lambda run: run if _is_hidden(run) else "") != text:
            return True
    return False


def _is_hidden(run: str) -> bool:
    return _is_stamp(run) or len(digits_of(run)) < LEAST_DIGITS


def _hide(run: str, shown_digits: int) -> str:
    """Hide all digits but the last few."""
    left = len(_ONE.findall(run)) - shown_digits

    def hide(digit: re.Match[str]) -> str:
        nonlocal left
        left -= 1
        return _BULLET if left >= 0 else digit[0]

    return _ONE.sub(hide, run)
