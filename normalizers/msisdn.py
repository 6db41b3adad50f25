"""
Phone numbers: from how a provider writes them to E.164 and the country they belong to.

The `phonenumbers` library's data decides. Its functions take some 50 microseconds a number, so that its patterns are
compiled here once per calling code, and a valid number is recognised by them alone; whatever they do not recognise
goes through the library itself.
"""

import re
from collections.abc import Sequence
from functools import cache
from typing import Final, NamedTuple, cast

import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumberDesc

#: A reading of a number: its digits, and the region they are dialled in (None: they begin with a calling code).
_Reading = tuple[str, str | None]
#: E.164, and the ISO 3166-1 alpha-2 country or nothing.
_Number = tuple[str, str]

_WORLD: Final = "001"
_REGIONS: Final = {str(code): regions for code, regions in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items()}
_PLUS: Final = frozenset("+\uff0b")
_AS_A_NUMBER: Final = re.compile(r"[\d\s().\-/\u2010-\u2015\u2212]*")
_NOT_DIGITS: Final = re.compile(r"\D+")


def read_number(text: str, *, default_region: str | None = None, international: bool = True) -> _Number:
    """
    Return a number's E.164 form with `+`, and its country (ISO 3166-1 alpha-2, or empty where there is none).

    `+` and `00` begin an international number. Bare digits are international where `international` says so, and
    national in `default_region` where they are not or can't be. What is no possible number is returned as it came,
    trimmed, with no country.
    """
    text = text.strip()
    digits, plus = _digits(text)
    readings: list[_Reading] = []
    if plus or international:
        readings.append((digits, None))
    if default_region is not None and not plus:
        readings.append((digits, default_region))
    return _read(readings) or (text, "")


def read_split_number(calling_code: str, text: str) -> _Number:
    """
    Return the same of a number whose calling code came apart from the rest.

    The rest may begin with the calling code all the same: it is not doubled where that makes no number. What is no
    possible number is returned as the rest came, with the calling code's country where that is one.
    """
    text = text.strip()
    code, _ = _digits(calling_code)
    digits, plus = _digits(text)
    readings: list[_Reading] = []
    if code and digits and not plus:
        readings.append((code + digits, None))
    if plus or (code and digits.startswith(code)):
        readings.append((digits, None))
    return _read(readings) or (text, _country_of(code))


def _digits(text: str) -> tuple[str, bool]:
    """Return a written number's digits, none where it is no number, and whether it says that it is international."""
    plus = text[:1] in _PLUS
    digits = text[1:] if plus else text
    if not (digits.isascii() and digits.isdigit()):
        if _AS_A_NUMBER.fullmatch(digits) is None:
            return "", False
        digits = "".join(str(int(digit)) for digit in _NOT_DIGITS.sub("", digits))
    if digits.startswith("00") and not plus:
        return digits[2:], True
    return digits, plus


def _read(readings: Sequence[_Reading]) -> _Number | None:
    """Return the first reading that is a valid number, else the first that is a possible one."""
    possible = None
    for digits, region in readings:
        number = _recognised(digits, region)
        if number is not None:
            return number
        valid, number = _parsed(digits, region)
        if valid:
            return number
        possible = possible or number
    return possible


class _Region(NamedTuple):
    """How a region's numbers look; where `leading` is set, it alone claims a number among those of a shared code."""

    country: str
    leading: re.Pattern[str] | None
    valid: re.Pattern[str]


class _Plan(NamedTuple):
    """How the national numbers of a calling code are read."""

    code: str
    #: What the library would take off a number's beginning before it looks at the rest.
    prefixes: Sequence[re.Pattern[str]]
    regions: Sequence[_Region]
    #: The pattern of the region that a number was dialled within, where it was.
    within: re.Pattern[str] | None = None


def _recognised(digits: str, region: str | None) -> _Number | None:
    """Return a number that is valid as it stands, None where the library has to tell."""
    plan = _plan_of(digits) if region is None else _plan_within(region)
    if plan is None or (plan.within is not None and plan.within.fullmatch(digits) is None):
        return None
    national = digits if plan.within is not None else digits[len(plan.code) :]
    for prefix in plan.prefixes:
        if _strips(prefix, national):
            return None
    country = _country(plan.regions, national)
    return None if country is None else (f"+{plan.code}{national}", country)


def _strips(prefix: re.Pattern[str], national: str) -> bool:
    """Tell whether the library would take this prefix off; some match the empty string, and then it does not."""
    match = prefix.match(national)
    return match is not None and (match.end() > 0 or any(match.groups()))


def _country(regions: Sequence[_Region], national: str) -> str | None:
    """Return what `region_code_for_number` does, None for a number that is not valid there."""
    for region in regions:
        if region.leading is None:
            if region.valid.fullmatch(national) is not None:
                return region.country
        elif region.leading.match(national) is not None:
            return None if region.valid.fullmatch(national) is None else region.country
    return None


def _plan_of(digits: str) -> _Plan | None:
    """Return the plan of an international number; no calling code is the beginning of another."""
    return _plan(digits[:1]) or _plan(digits[:2]) or _plan(digits[:3])


@cache
def _plan(code: str) -> _Plan | None:
    """Return the plan of a calling code, None where there is no such code."""
    names = _REGIONS.get(code)
    if names is None:
        return None
    shared = len(names) > 1
    regions = [_region(name, _metadata(name, code), shared=shared) for name in names]
    return _Plan(code, _compiled(_metadata(names[0], code).national_prefix_for_parsing), regions)


@cache
def _plan_within(region: str) -> _Plan | None:
    """Return the plan of a region's calling code for numbers dialled within the region, None for no such region."""
    metadata = PhoneMetadata.metadata_for_region(region, None)
    plan = None if metadata is None else _plan(str(metadata.country_code))
    if metadata is None or plan is None:
        return None
    prefixes = _compiled(metadata.international_prefix, metadata.national_prefix_for_parsing)
    return plan._replace(prefixes=prefixes, within=_valid(metadata))


def _compiled(*patterns: str | None) -> list[re.Pattern[str]]:
    return [re.compile(pattern) for pattern in patterns if pattern]


def _metadata(region: str, code: str) -> PhoneMetadata:
    return cast("PhoneMetadata", PhoneMetadata.metadata_for_region_or_calling_code(int(code), region))


def _region(name: str, metadata: PhoneMetadata, *, shared: bool) -> _Region:
    leading = metadata.leading_digits if shared else None
    return _Region(
        country="" if name == _WORLD else name,
        leading=None if leading is None else re.compile(leading),
        valid=_valid(metadata),
    )


def _valid(metadata: PhoneMetadata) -> re.Pattern[str]:
    """Return what a valid number matches in full: all numbers' pattern, and one of those of their kinds."""
    kinds = (
        metadata.mobile,  # first: the likeliest recipient of a message
        metadata.fixed_line,
        metadata.voip,
        metadata.toll_free,
        metadata.premium_rate,
        metadata.shared_cost,
        metadata.personal_number,
        metadata.pager,
        metadata.uan,
        metadata.voicemail,
    )
    [general, *some] = [_pattern(kind) for kind in (metadata.general_desc, *kinds) if kind is not None]
    return re.compile(f"(?={general}\\Z)(?:{'|'.join(some)})")


def _pattern(kind: PhoneNumberDesc) -> str:
    """Return one pattern for a kind's lengths and digits, to be matched in full."""
    lengths = "|".join(f".{{{length}}}" for length in kind.possible_length)
    return f"(?=(?:{lengths})\\Z)(?:{kind.national_number_pattern})"


def _parsed(digits: str, region: str | None) -> tuple[bool, _Number | None]:
    """Let the library read a number: whether it is valid, and what it is where it is at least possible."""
    try:
        number = phonenumbers.parse(digits if region else f"+{digits}", region)
    except phonenumbers.NumberParseException:
        return False, None
    valid = phonenumbers.is_valid_number(number)
    if not (valid or phonenumbers.is_possible_number(number)):
        return False, None
    country = phonenumbers.region_code_for_number(number) if valid else _country_of(str(number.country_code))
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return valid, (e164, "" if country in {None, _WORLD} else str(country))


def _country_of(code: str) -> str:
    """Return the one country that a calling code belongs to, if it does."""
    regions = _REGIONS.get(code, ())
    return regions[0] if len(regions) == 1 and regions[0] != _WORLD else ""
