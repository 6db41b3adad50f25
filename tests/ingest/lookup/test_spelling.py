"""Spellings of numbers and ids."""

import pytest

from ingest.lookup.spelling import ids_of, numbers_of
from ingest.settings.accounts import effective_accounts
from ingest.settings.settings import Settings
from normalizers.privacy import hash_number

ACCOUNTS = effective_accounts(Settings())


@pytest.mark.parametrize(
    "written",
    ["+8613800138000", "008613800138000", "8613800138000", "13800138000", "138 0013 8000", "+86 138-0013-8000"],
)
def test_a_number_is_found_however_it_is_written(written: str) -> None:
    """International with a prefix or without, national, and with separators: all mean the number in E.164."""
    assert "+8613800138000" in numbers_of(written, ACCOUNTS)


def test_a_national_number_is_tried_in_every_country() -> None:
    """A number with a trunk prefix may be of any country that has it."""
    found = numbers_of("07400 123456", ACCOUNTS)
    assert "+447400123456" in found


def test_a_number_that_cannot_be_read_is_looked_for_as_it_stands() -> None:
    """A number that is stored as it came is found by the same text."""
    assert numbers_of("12345678", ACCOUNTS)[0] == "12345678"


def test_what_is_no_number_is_looked_for_as_an_id() -> None:
    """Text with letters is no number, and is looked for in upper and lower case, too."""
    assert numbers_of("4C36654382720007", ACCOUNTS) == []
    assert ids_of(" 4c36A ") == ["4c36A", "4C36A", "4c36a"]


def test_a_hashed_number_is_found_by_the_number(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Hashed or masked numbers are found by the number itself."""
    key = tmp_path_factory.mktemp("keys") / "key"
    key.write_text("k" * 64)
    hashed = Settings.model_validate({"privacy": {"store_numbers": "keyed_hash", "key_file": key}})
    assert hash_number("+8613800138000", b"k" * 64) in numbers_of("13800138000", effective_accounts(hashed))
    masked = Settings.model_validate({"privacy": {"store_numbers": "masked"}})
    assert "+86*********00" in numbers_of("13800138000", effective_accounts(masked))
