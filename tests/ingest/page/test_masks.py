"""No phone number is shown in full, however it is written; and nothing hides in what is shown."""

import json
import re
from collections.abc import Callable
from urllib.parse import quote, unquote

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from ingest.page.masks import make_visible, mask_id, mask_number, mask_text
from normalizers.msisdn import read_number
from normalizers.written_numbers import LEAST_DIGITS, digits_of

_NATIONAL = "7911123456"


def test_of_a_recipient_the_country_and_two_digits_are_shown() -> None:
    """The country code and the last two digits of a number are shown; of any other text, the last two digits."""
    shown = {"+447911123456": "+44••••••••56", "+8618688888888": "+86•••••••••88", "+35312345678": "+353••••••78"}
    shown |= {"+12025550123": "+1••••••••23", "67xxxx11": "••xxxx11", "13800138000": "•••••••••00"}
    shown |= {"[GSM]": "[GSM]", "": ""}
    assert {number: mask_number(number) for number in shown} == shown


@pytest.mark.parametrize(
    "written",
    [
        _NATIONAL,
        f"+44{_NATIONAL}",
        "+44 (0)7911 123-456",
        "+44.7911.123.456",
        "79-11-12-34-56",
        "\u202e7\u200b9\u200b1\u200b1\u200b1\u200b2\u200b3\u200b4\u200b5\u200b6",
        "\x007\x009\x001\x001\x001\x002\x003\x004\x005\x006",
        "".join(f"%{ord(digit):X}" for digit in _NATIONAL),
        "".join(f"\\u00{ord(digit):x}" for digit in _NATIONAL),
        "".join(f"&#{ord(digit)};" for digit in _NATIONAL),
        "".join(chr(0xFF10 + int(digit)) for digit in _NATIONAL),
        _NATIONAL.encode().hex(),
        _NATIONAL.encode("utf-16-be").hex(),
        f"id{_NATIONAL}|0|DELIVRD",
        quote(f"+44 {_NATIONAL}"),
        "44+7400+123456",
        "86%20186%208888%208888",
        *(f"44{mark}7911{mark}123{mark}456" for mark in "_:,*/.-\u2013\u2212\u00a0\u2003\u3000\t"),
        "[44][7911][123456]",
        "4, 4, 7, 9, 1, 1, 1, 2, 3, 4, 5, 6",
        "".join("⁰¹²³⁴⁵⁶⁷⁸⁹"[int(digit)] for digit in _NATIONAL),
        "".join("٠١٢٣٤٥٦٧٨٩"[int(digit)] for digit in _NATIONAL),
        quote(quote("+44 7911/123456", safe=""), safe=""),
        "".join(f"%25{ord(digit):X}" for digit in _NATIONAL),
        "".join(f"\\\\u00{ord(digit):x}" for digit in _NATIONAL),
        quote("44:7911:123456", safe=""),
        quote("[44],7911*123456", safe=""),
    ],
)
def test_a_number_in_text_is_hidden(written: str) -> None:
    """In what others wrote, all but the last two digits of a number are hidden, however it is written."""
    masked = mask_text(f'{{"to": "{written}"}}')
    assert masked.startswith('{"to": "')
    assert masked.endswith('"}')
    assert written not in masked
    assert masked.count("•") >= 8


@pytest.mark.parametrize(
    "text",
    [
        '{"time": "2017-04-12 01:38:21", "n": 123456}',
        "2026-11-20T09:30:00Z",
        "[1, 2, 3, 4, 5, 6]",
        "at 09:30:00.123456 and 2026-11-20 09:30:00.5+0100",
        "id:1|0|DELIVRD",
        "created=2026-11-20%2009%3A30",
    ],
)
def test_dates_and_small_numbers_stay(text: str) -> None:
    """A date, a time and what is too short to be a number stay readable."""
    assert mask_text(text) == text


def test_a_number_beside_a_date_is_hidden() -> None:
    """A date with more digits beside it is hidden as a number."""
    assert "7911" not in mask_text("447911 2026-11-20 12")
    assert "8888" not in mask_text("2026-11-208888888")


@given(st.from_regex(r"[^\d]{0,4}\d{7,20}[^\d]{0,4}", fullmatch=True))
def test_no_run_of_seven_digits_is_shown(text: str) -> None:
    """No run of seven digits is shown, whatever text is around it."""
    assert not re.search(r"\d{7}", mask_text(text))


@example("010000\xa0\xa0\xa0\xa00", str)
@given(
    st.text(st.sampled_from("0123456789٣\uff14 +().-/\u2013\u00a0"), min_size=7, max_size=30),
    st.sampled_from([str, quote, lambda text: quote(quote(text)), lambda text: json.dumps(text)[1:-1]]),
)
def test_what_the_number_parser_takes_for_a_number_is_hidden(text: str, spell: Callable[[str], str]) -> None:
    """A number that the number parser reads in text is hidden, plain or escaped, with up to 12 separators in a row."""
    assume(not re.search(r"\D{13}", text))
    number, _ = read_number(text, default_region="CN")
    digits = digits_of(number)
    if number.startswith("+") and len(digits) > LEAST_DIGITS and "-" not in text[4:5]:
        assert digits[-LEAST_DIGITS:] not in digits_of(unquote(unquote(mask_text(spell(text)))))


def test_a_message_id_is_hidden_where_it_holds_the_number() -> None:
    """In a message id, only the recipient's number is hidden."""
    assert mask_id("0513594772db8c", "+447911123456") == "0513594772db8c"
    assert "7911123456" not in mask_id("sms-447911123456-1", "+447911123456")


def test_what_cannot_be_seen_is_written_out() -> None:
    """Control characters, and those that turn the direction of a text, are shown as their code points."""
    assert make_visible("a\u202eb\x00c\u2066d\te\n") == "a\\u202eb\\u0000c\\u2066d\te\n"
