"""The section `[privacy]`: how records keep phone numbers and texts, and for how long."""

from pathlib import Path
from typing import Final, Self

from pydantic import NonNegativeInt, model_validator

from ingest.settings.errors import InvalidSettingsError, SettingError
from ingest.settings.section import Section
from normalizers.privacy import Privacy, StoredNumbers

_LEAST_KEY_LENGTH: Final = 16


class RetentionDays(Section):
    """How many days after its receipt a row of each table is deleted; 0: never."""

    reports: NonNegativeInt = 0
    inbound: NonNegativeInt = 0
    dead_letters: NonNegativeInt = 0
    submissions: NonNegativeInt = 0


class PrivacySettings(Section):
    """
    How records keep personal data.

    `key_file` holds the keys for `store_numbers = "keyed_hash"`, one on each line, of at least 16 characters. Numbers
    are hashed with the first key; a new key is added above it.
    """

    store_numbers: StoredNumbers = StoredNumbers.FULL
    key_file: Path | None = None
    store_content: bool = True
    retention_days: RetentionDays = RetentionDays()

    @model_validator(mode="after")
    def _hashing_needs_a_key(self) -> Self:
        hashing = self.store_numbers is StoredNumbers.KEYED_HASH
        if hashing and self.key_file is None:
            raise SettingError("key_file", 'is missing: store_numbers = "keyed_hash" needs a file with a key')
        if self.key_file is not None and not hashing:
            raise SettingError("key_file", 'is used with store_numbers = "keyed_hash" only')
        return self


def open_privacy(settings: PrivacySettings) -> Privacy:
    """Return what the normalizers apply to records; raises `InvalidSettingsError` if the key file can't be used."""
    keys = () if settings.key_file is None else _read_keys(settings.key_file)
    return Privacy(numbers=settings.store_numbers, content=settings.store_content, keys=keys)


def _read_keys(file: Path) -> tuple[bytes, ...]:
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSettingsError(f"privacy.key_file: {file} can't be read: {error}") from None
    keys = tuple(line.strip().encode() for line in lines if line.strip())
    if not keys:
        raise InvalidSettingsError(f"privacy.key_file: {file} holds no key")
    for number, key in enumerate(keys, start=1):
        if len(key) < _LEAST_KEY_LENGTH:
            raise InvalidSettingsError(
                f"privacy.key_file: key {number} of {file} has {len(key)} characters; it needs {_LEAST_KEY_LENGTH}"
            )
    return keys
