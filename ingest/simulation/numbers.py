"""Makes mobile numbers that are valid by the data of the `phonenumbers` library."""

from functools import cache
from random import Random
from typing import Final

import phonenumbers

from ingest.simulation.plan import Number

_DIGITS: Final = "0123456789"
#: A prefix is used if the number is valid with each of these endings; then it is valid with all endings.
_FREE: Final = 4
_PROBES: Final = ("0000", "3517", "9999")
_PREFIXES: Final = 12


def number_in(country: str, rng: Random) -> Number:
    """Return a valid mobile number of a country (ISO 3166-1 alpha-2)."""
    calling_code, prefixes = _range(country)
    return Number(country, calling_code, f"{rng.choice(prefixes)}{rng.randrange(10**_FREE):0{_FREE}d}")


@cache
def _range(country: str) -> tuple[int, list[str]]:
    """Return a country's calling code and some prefixes of its mobile numbers, the same ones every time."""
    example = phonenumbers.example_number_for_type(country, phonenumbers.PhoneNumberType.MOBILE)
    if example is None:
        raise ValueError(f"{country}: no such country")
    national = phonenumbers.national_significant_number(example)
    calling_code = int(example.country_code or 0)
    rng = Random(country)
    prefixes: list[str] = []
    while len(prefixes) < _PREFIXES:
        prefix = national[:2] + "".join(rng.choices(_DIGITS, k=len(national) - 2 - _FREE))
        if all(_belongs(country, f"+{calling_code}{prefix}{probe}") for probe in _PROBES):
            prefixes.append(prefix)
    return calling_code, prefixes


def _belongs(country: str, e164: str) -> bool:
    number = phonenumbers.parse(e164)
    return phonenumbers.is_valid_number(number) and phonenumbers.region_code_for_number(number) == country
