"""`[privacy]`: contradictions are told, and keys are read from a file."""

from pathlib import Path

import pytest

from ingest.settings.errors import InvalidSettingsError
from ingest.settings.loading import load
from ingest.settings.privacy import PrivacySettings, open_privacy
from normalizers.privacy import Privacy, StoredNumbers


def _load(folder: Path, text: str) -> None:
    file = folder / "dlrhub.toml"
    file.write_text(text)
    load(file)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[privacy]\nstore_numbers = "keyed_hash"', "key_file: is missing"),
        ('[privacy]\nkey_file = "keys"', "is used with store_numbers"),
        ('[privacy]\nstore_numbers = "hashed"', "keyed_hash"),
        ("[privacy]\nretention_days = { reports = -1 }", "retention_days"),
        ("[privacy]\nretention_days = { messages = 1 }", "messages"),
    ],
)
def test_contradictions_are_told(tmp_path: Path, text: str, told: str) -> None:
    """Privacy settings that contradict each other stop the start."""
    with pytest.raises(InvalidSettingsError) as error:
        _load(tmp_path, text)
    assert told in str(error.value)


def test_keys_are_read_from_the_file(tmp_path: Path) -> None:
    """Each line of the key file is a key, the first one the current key."""
    file = tmp_path / "keys"
    file.write_text("the newest of the keys\n\nan older key of it all\n")
    settings = PrivacySettings(store_numbers=StoredNumbers.KEYED_HASH, key_file=file)
    assert open_privacy(settings).keys == (b"the newest of the keys", b"an older key of it all")
    assert open_privacy(PrivacySettings()) == Privacy()


@pytest.mark.parametrize(
    ("text", "told"), [("", "holds no key"), ("short", "has 5 characters"), (None, "can't be read")]
)
def test_an_unusable_key_file_is_told(tmp_path: Path, text: str | None, told: str) -> None:
    """A key file that is missing, empty or too short stops the start, without showing a key."""
    file = tmp_path / "keys"
    if text is not None:
        file.write_text(text)
    with pytest.raises(InvalidSettingsError, match=told) as error:
        open_privacy(PrivacySettings(store_numbers=StoredNumbers.KEYED_HASH, key_file=file))
    assert "short" not in str(error.value)
