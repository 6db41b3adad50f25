"""
The fast path for phone numbers: recognises valid ones by compiled patterns.

The `phonenumbers` library takes some 50 microseconds a number, more than all the rest of reading a report. Here its
patterns are compiled once per calling code, on first use.
"""

import re
from collections.abc import Sequence
from functools import cache
from typing import Final, NamedTuple, cast

import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumberDesc

#: The library's region of calling codes that belong to no country.
WORLD: Final = "001"

_REGIONS: Final = {str(code): regions for code, regions in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items()}


class _Region(NamedTuple):
    """A region's numbers; with `leading`, only numbers that match it, since other regions share the calling code."""

    country: str
    leading: re.Pattern[str] | None
    valid: re.Pattern[str]


class _Plan(NamedTuple):
    """How the national numbers of a calling code are read."""

    code: str
    #: Prefixes that the library removes from a number before it looks at the rest.
    prefixes: Sequence[re.Pattern[str]]
    regions: Sequence[_Region]
    #: The pattern of the region that a number was dialled within, where it was.
    within: re.Pattern[str] | None = None


def recognise(digits: str, region: str | None) -> tuple[str, str] | None:
    """
    Return a valid number in E.164 with its country, as the library would; None if the library has to be asked.

    `digits` begin with a calling code, or were dialled within `region` if that is given.
    """
    plan = _plan_of(digits) if region is None else _plan_within(region)
    if plan is None or (plan.within is not None and plan.within.fullmatch(digits) is None):
        return None
    national = digits if plan.within is not None else digits[len(plan.code) :]
    for prefix in plan.prefixes:
        if _strips(prefix, national):
            return None
    country = _country(plan.regions, national)
    return None if country is None else (f"+{plan.code}{national}", country)


def country_of(code: str) -> str:
    """Return the country of a calling code, empty if there is none or several share it."""
    regions = _REGIONS.get(code, ())
    return regions[0] if len(regions) == 1 and regions[0] != WORLD else ""


def _strips(prefix: re.Pattern[str], national: str) -> bool:
    """Tell whether the library would remove this prefix, which it does not for a pattern that matches nothing."""
    match = prefix.match(national)
    return match is not None and (match.end() > 0 or match.lastindex is not None)


def _country(regions: Sequence[_Region], national: str) -> str | None:
    """Return the country of a national number, as `region_code_for_number` does; None if the number is not valid."""
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
    """Return the plan of a calling code, None if there is no such code."""
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
        country="" if name == WORLD else name,
        leading=None if leading is None else re.compile(leading),
        valid=_valid(metadata),
    )


def _valid(metadata: PhoneMetadata) -> re.Pattern[str]:
    """Return the pattern of a valid number: it matches the general pattern and that of one kind."""
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
