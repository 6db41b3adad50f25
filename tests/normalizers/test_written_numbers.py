"""Phone numbers inside text: every spelling of a number is found, and no other number is touched."""

import re

import pytest

from normalizers.written_numbers import digits_of, number_regexp, replace_number, replace_runs, split_number

NUMBER = "+8618688888888"

SPELLINGS = [
    "8618688888888",
    "18688888888",
    "018688888888",
    "008618688888888",
    "0086-18688888888",
    "186 8888 8888",
    "186-8888-8888",
    "186_8888_8888",
    "186,8888,8888",
    "186)8888*8888",
    "86%20186%208888%208888",
    "86+186+88888888",
    "\\u003186888888\\u0038\\u0038",
    "&#49;8688888888",
    "&#x31;8688888888",
    "\uff11\uff18\uff16\uff18\uff18\uff18\uff18\uff18\uff18\uff18\uff18",
    "٠١٨٦٨٨٨٨٨٨٨٨",
    "¹⁸⁶⁸⁸⁸⁸⁸⁸⁸⁸",
    "186\u200b8888\u20118888",
]
OTHERS = ["28618688888888", "1868888888812", "118688888888", "18688888887", "186888 x 88888", "8688"]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_is_replaced(spelling: str) -> None:
    """Every spelling of a number is found, and the text around it stays."""
    assert replace_number(f'{{"mobile": "{spelling}"}}', NUMBER, "***") == '{"mobile": "***"}'


@pytest.mark.parametrize("other", OTHERS)
def test_other_numbers_stay(other: str) -> None:
    """A longer, shorter or different number is not touched."""
    assert replace_number(f"<{other}>", NUMBER, "***") == f"<{other}>"


def test_neighbours_in_a_list_stay() -> None:
    """Other numbers in a list stay, even if they are separated by the characters that a number may contain."""
    assert replace_number("[10,18688888888,7, 18688888889]", NUMBER, "***") == "[10,***,7, 18688888889]"


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_the_regular_expression_finds_every_spelling(spelling: str) -> None:
    """The regular expression for the database finds each spelling that is replaced."""
    assert re.search(number_regexp(NUMBER), f"<{spelling}>")


def test_short_numbers_are_left_alone() -> None:
    """Fewer than seven digits are not taken for a number: they may be a time or a code."""
    assert replace_number("10086 10086", "10086", "***") == "10086 10086"
    assert number_regexp("10086") == ""


def test_runs_of_digits_are_replaced() -> None:
    """Each run of digits that may be a number is passed to the given function once; `digits_of` reads it as ASCII."""
    assert replace_runs("call 86%20186%208888%208888 now", digits_of) == "call 8618688888888 now"


def test_a_number_is_split_after_its_calling_code() -> None:
    """E.164 is split after its calling code; a text that is no E.164 number has none."""
    assert split_number("+8618688888888") == ("86", "18688888888")
    assert split_number("+14155550100") == ("1", "4155550100")
    assert split_number("+35312345678") == ("353", "12345678")
    assert split_number("0018688888888") == ("", "18688888888")
    assert split_number("67xxxx11") == ("", "6711")
