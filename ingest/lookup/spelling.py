"""Lists the spellings of a typed phone number or message id under which the store may hold it."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

import phonenumbers

from ingest.settings.accounts import EffectiveAccount
from normalizers.msisdn import read_number
from normalizers.privacy import Privacy, hash_number

_NUMBER: Final = re.compile(r"[+\uff0b]?[\d\s().\-/]{5,25}")


def ids_of(what: str) -> list[str]:
    """Return the spellings of a message id or reference: as it is given, and in upper and in lower case."""
    text = what.strip()
    return list(dict.fromkeys([text, text.upper(), text.lower()]))


def numbers_of(what: str, accounts: Iterable[EffectiveAccount]) -> list[str]:
    """
    Return the forms in which the store may hold a number: in E.164, as typed, and masked or hashed by the settings.

    A number without a country code is tried in every country. Text that is no number gives none.
    """
    text = what.strip()
    if not _NUMBER.fullmatch(text):
        return []
    numbers = list(dict.fromkeys(_readings(text)))
    privacies = {account.privacy.numbers: account.privacy for account in accounts}
    kept = (form for privacy in privacies.values() for number in numbers for form in _kept(number, privacy))
    return list(dict.fromkeys([*numbers, *kept]))


def _readings(text: str) -> Iterator[str]:
    digits = re.sub(r"\D", "", text)
    yield from (text, digits)
    yield read_number(text)[0]
    if text.startswith(("+", "\uff0b", "00")):
        return
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        number, country = read_number(digits, default_region=region, international=False)
        if country:
            yield number


def _kept(number: str, privacy: Privacy) -> Iterator[str]:
    """Yield the form in which the settings store a number, and its hashes under earlier keys."""
    yield privacy.number(number)
    yield from (hash_number(number, key) for key in privacy.keys)
