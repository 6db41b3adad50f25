"""Canonical spelling: texts with the same meaning are spelled the same."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalizers.read import UTC_8
from normalizers.spelling import (
    NO_DAY,
    NO_STAMP,
    spell_chinese_number,
    spell_code,
    spell_number,
    spell_split_number,
    spell_stamp,
)

STAMPS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30))  # noqa: DTZ001 - the offset is another argument


@pytest.mark.parametrize(
    ("spell", "text", "spelled"),
    [
        (spell_number, "00447400123456", "447400123456"),
        (spell_number, "+44 (0)7400 123-456", "447400123456"),
        (spell_number, "\uff0b447400123456", "447400123456"),
        (spell_number, "٤٤٧٤٠٠١٢٣٤٥٦", "447400123456"),
        (spell_number, "0", ""),
        (spell_number, "", ""),
        (spell_number, "+", "+"),
        (spell_number, "[gsm]", "[GSM]"),
        (spell_number, "67xxxx11", "67XXXX11"),
        (spell_number, "²", "²"),
        (spell_chinese_number, "+8613800138000", "13800138000"),
        (spell_chinese_number, "013800138000", "13800138000"),
        (spell_chinese_number, "8612345678901", "8612345678901"),
        (spell_chinese_number, "85267001111", "85267001111"),
        (spell_chinese_number, "861380013800", "861380013800"),
        (spell_code, " delivrd\n", "DELIVRD"),
    ],
)
def test_a_text_has_one_spelling(spell: Callable[[str], str], text: str, spelled: str) -> None:
    """Numbers are spelled by their digits, Chinese mobile numbers without country code, other texts in upper case."""
    assert spell(text) == spelled


def test_a_split_number_is_spelled_with_its_code_once() -> None:
    """A number whose calling code is in another field is spelled the same if it also begins with the code."""
    assert spell_split_number("49", "4915112345678") == spell_split_number("+49", "015112345678") == "49 15112345678"
    assert spell_split_number("7", "7011234567") == spell_split_number("7", "77011234567") == "7 11234567"
    assert spell_split_number("", "15112345678") == " 15112345678"
    assert spell_split_number("852", "852") == "852 "


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("2025-11-20 20:00:05", "2025-11-20T20:00:05"),
        ("2025-11-20t20:00:05", "2025-11-20T20:00:05"),
        ("2025/11/20  20:00:05", "2025-11-20T20:00:05"),
        ("2025.11.20 20:00:05", "2025-11-20T20:00:05"),
        ("20251120200005", "2025-11-20T20:00:05"),
        ("20251120T200005", "2025-11-20T20:00:05"),
        ("2025-11-20 20:00", "2025-11-20T20:00:00"),
        ("2025-11-20T20:00:05.000", "2025-11-20T20:00:05"),
        ("2025-11-20T20:00:05,120", "2025-11-20T20:00:05.12"),
        ("2025-11-20T20:00:05.1234567", "2025-11-20T20:00:05.123456"),
        ("2025-11-20T12:00:05Z", "2025-11-20T20:00:05"),
        ("2025-11-20T12:00:05 00:00", "2025-11-20T20:00:05"),
        ("2025-11-20 07:00:05 -0500", "2025-11-20T20:00:05"),
    ],
)
def test_a_stamp_is_spelled_in_one_way(text: str, spelled: str) -> None:
    """All forms of a stamp are spelled the same; one with an offset equals the one without in the provider's zone."""
    assert spell_stamp(text, UTC_8) == (spelled, date(2025, 11, 20))


@pytest.mark.parametrize(
    "text", ["2025-02-30 12:00:05", "[CREATED_S]", "1 2", "9999-12-31T23:59:59-23:59", "2025-11-20"]
)
def test_a_text_that_is_no_stamp_keeps_its_words(text: str) -> None:
    """A placeholder, or a day that does not exist, keeps its characters, in upper case."""
    assert spell_stamp(f" {text.lower()}  ", UTC) == (text.upper(), NO_DAY)


@given(at=STAMPS, minutes=st.integers(-14 * 60, 14 * 60))
def test_stamps_of_one_moment_are_spelled_the_same(at: datetime, minutes: int) -> None:
    """A moment is spelled the same with any offset, and never like another moment."""
    aware = at.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    spelled = spell_stamp(aware.isoformat(), UTC)
    assert spelled == spell_stamp(aware.astimezone(UTC).isoformat(" "), UTC)
    assert datetime.fromisoformat(spelled.text) == aware.astimezone(UTC).replace(tzinfo=None)


@given(text=st.text())
def test_any_text_can_be_spelled(text: str) -> None:
    """Spelling fails on no text, and spelling a text twice changes nothing."""
    for spell in (spell_number, spell_chinese_number, spell_code, lambda word: spell_stamp(word, UTC).text):
        assert spell(spell(text)) == spell(text)


@pytest.mark.parametrize("year", [1, 1999, 2100, 9999])
def test_an_absurd_year_has_no_day(year: int) -> None:
    """A stamp outside of 2000 to 2099 has no day, so that wrong clocks do not make many partitions in the store."""
    assert spell_stamp(f"{year:04}-11-20 12:00:05", UTC).day == NO_DAY
    assert spell_stamp("", UTC) is NO_STAMP
