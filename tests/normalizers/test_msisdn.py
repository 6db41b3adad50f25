"""Phone numbers: the fast path agrees with the phonenumbers library."""

from collections.abc import Iterator

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneMetadata, PhoneNumber, PhoneNumberFormat

from normalizers.msisdn import read_number, read_split_number
from normalizers.numbering import recognise

CODES = sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)
REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
KINDS = sorted(phonenumbers.PhoneNumberType.values())


def by_the_library(number: PhoneNumber) -> tuple[str, str]:
    """Return a valid number as the library reads it."""
    country = phonenumbers.region_code_for_number(number)
    return phonenumbers.format_number(number, PhoneNumberFormat.E164), "" if country in {None, "001"} else str(country)


def agrees(digits: str, region: str | None) -> bool:
    """Tell whether the fast path recognised a number, and check that the library reads the same."""
    fast = recognise(digits, region)
    if fast is None:
        return False
    number = phonenumbers.parse(digits if region else f"+{digits}", region)
    assert phonenumbers.is_valid_number(number), (digits, region)
    assert fast == by_the_library(number), (digits, region)
    return True


def examples() -> Iterator[PhoneNumber]:
    """Return an example of each kind of number of each region, and of each calling code without a region."""
    for region in REGIONS:
        for kind in KINDS:
            number = phonenumbers.example_number_for_type(region, kind)
            if number is not None:
                yield number
    for code in phonenumbers.COUNTRY_CODES_FOR_NON_GEO_REGIONS:
        number = phonenumbers.example_number_for_non_geo_entity(code)
        assert number is not None
        yield number


def test_examples_of_every_region_are_read_as_the_library_reads_them() -> None:
    """A number of any country is read as the library reads it; the fast path recognises nearly all."""
    fast = total = 0
    for number in examples():
        e164, country = by_the_library(number)
        total += 1
        fast += agrees(e164[1:], None)
        for written in (e164, f"00{e164[1:]}", e164[1:], f" {e164[1:]} ", f"+{e164[1:4]}-{e164[4:]}"):
            assert read_number(written) == (e164, country)
    assert fast > 0.95 * total


def test_national_examples_are_read_as_the_library_reads_them() -> None:
    """A national number is read as the library reads it in its region."""
    fast = total = 0
    for region in REGIONS:
        number = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
        if number is not None:
            e164, country = by_the_library(number)
            national = phonenumbers.national_significant_number(number)
            total += 1
            fast += agrees(national, region)
            assert read_number(national, default_region=region, international=False) == (e164, country)
    assert fast > 0.8 * total


@settings(deadline=None, max_examples=500)
@given(code=st.sampled_from(CODES), rest=st.text("0123456789", max_size=15))
def test_any_digits_are_read_as_the_library_reads_them(code: int, rest: str) -> None:
    """The fast path never reads digits differently from the library."""
    agrees(f"{code}{rest}", None)


@settings(deadline=None, max_examples=500)
@given(region=st.sampled_from(REGIONS), data=st.data())
def test_digits_dialled_anywhere_are_read_as_the_library_reads_them(region: str, data: st.DataObject) -> None:
    """The fast path never reads national digits differently from the library."""
    metadata = PhoneMetadata.metadata_for_region(region)
    assert metadata is not None
    prefix = data.draw(st.sampled_from(["", metadata.national_prefix or "", str(metadata.country_code), "0", "00"]))
    kinds = [kind for kind in (metadata.mobile, metadata.fixed_line) if kind is not None]
    patterns = [kind.national_number_pattern for kind in kinds if kind.national_number_pattern]
    national = data.draw(
        st.one_of([st.from_regex(pattern, fullmatch=True, alphabet="0123456789") for pattern in patterns])
    )
    agrees(prefix + national, region)
    agrees(f"{metadata.country_code}{prefix}{national}", None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("+44 (0)7400 123456", ("+447400123456", "GB")),
        ("+44.7400-123/456", ("+447400123456", "GB")),
        ("\uff0b447400123456", ("+447400123456", "GB")),
        ("٤٤٧٤٠٠١٢٣٤٥٦", ("+447400123456", "GB")),
        ("12015550123", ("+12015550123", "US")),
        ("14165550123", ("+14165550123", "CA")),
        ("77012345678", ("+77012345678", "KZ")),
        ("79123456789", ("+79123456789", "RU")),
        ("447911123456", ("+447911123456", "GG")),
        ("390612345678", ("+390612345678", "IT")),
        ("390669812345", ("+390669812345", "VA")),
        ("5491123456789", ("+5491123456789", "AR")),
        ("80012345678", ("+80012345678", "")),
        ("1201555", ("1201555", "")),
        ("12015550", ("+12015550", "")),
        ("8529001234", ("+8529001234", "HK")),
        ("85290012345678", ("+85290012345678", "HK")),
        ("999123456789", ("999123456789", "")),
        ("0", ("0", "")),
        ("+", ("+", "")),
        ("", ("", "")),
        ("  ", ("", "")),
        ("[GSM]", ("[GSM]", "")),
        ("67xxxx11", ("67xxxx11", "")),
        ("1800FLOWERS", ("1800FLOWERS", "")),
        ("+447400123456 ext. 5", ("+447400123456 ext. 5", "")),
        ("9" * 300, ("9" * 300, "")),
    ],
)
def test_an_international_number_is_read_however_it_is_written(text: str, expected: tuple[str, str]) -> None:
    """A number is returned in E.164 if it can be read, else as it came."""
    assert read_number(text) == expected


@pytest.mark.parametrize(
    ("text", "region", "international", "expected"),
    [
        ("13800138000", "CN", False, ("+8613800138000", "CN")),
        ("013800138000", "CN", False, ("+8613800138000", "CN")),
        ("8613800138000", "CN", False, ("+8613800138000", "CN")),
        ("+8613800138000", "CN", False, ("+8613800138000", "CN")),
        ("0085267001111", "CN", False, ("+85267001111", "HK")),
        ("1795113800138000", "CN", False, ("+8613800138000", "CN")),
        ("7012345678", "RU", False, ("+77012345678", "KZ")),
        ("12345678901", "CN", False, ("+8612345678901", "CN")),
        ("123", "CN", False, ("123", "")),
        ("13800138000", "XX", False, ("13800138000", "")),
        ("13800138000", None, False, ("13800138000", "")),
        ("447400123456", "GB", True, ("+447400123456", "GB")),
        ("07400123456", "GB", True, ("+447400123456", "GB")),
        ("8613800138000", "GB", True, ("+8613800138000", "CN")),
        ("+07400123456", "GB", True, ("+07400123456", "")),
        ("12015550", "GB", True, ("+12015550", "")),
        ("1201555", "GB", True, ("+441201555", "")),
    ],
)
def test_bare_digits_are_national_or_international(
    text: str, region: str | None, expected: tuple[str, str], *, international: bool
) -> None:
    """Bare digits are read as a number of the region, or, with `international`, first as an international one."""
    assert read_number(text, default_region=region, international=international) == expected


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        ("852", "67001111", ("+85267001111", "HK")),
        ("852", "85267001111", ("+85267001111", "HK")),
        ("852", "+85267001111", ("+85267001111", "HK")),
        ("852", "0085267001111", ("+85267001111", "HK")),
        ("+852", "6700 1111", ("+85267001111", "HK")),
        ("00852", "67001111", ("+85267001111", "HK")),
        ("44", "07400123456", ("+447400123456", "GB")),
        ("86", "13800138000", ("+8613800138000", "CN")),
        ("1", "2015550123", ("+12015550123", "US")),
        ("1", "12015550123", ("+12015550123", "US")),
        ("49", "4915112345678", ("+4915112345678", "DE")),
        ("49", "4915112345", ("+494915112345", "DE")),
        ("7", "7011234567", ("+77011234567", "KZ")),
        ("7", "77011234567", ("+77011234567", "KZ")),
        ("91", "9198765432", ("+919198765432", "IN")),
        ("39", "3933312345", ("+393933312345", "IT")),
        ("55", "55987654321", ("+5555987654321", "BR")),
        ("852", "852", ("852", "HK")),
        ("852", "67xxxx11", ("67xxxx11", "HK")),
        ("1", "67xxxx11", ("67xxxx11", "")),
        ("800", "67xxxx11", ("67xxxx11", "")),
        ("", "13800138000", ("13800138000", "")),
        ("", "+8613800138000", ("+8613800138000", "CN")),
        ("none", "13800138000", ("13800138000", "")),
        ("999", "67001111", ("67001111", "")),
    ],
)
def test_a_calling_code_that_came_apart_is_not_doubled(code: str, text: str, expected: tuple[str, str]) -> None:
    """A calling code and a number are joined, unless the number begins with the code already."""
    assert read_split_number(code, text) == expected


@settings(deadline=None)
@given(text=st.text(), code=st.text(), region=st.sampled_from([None, "CN", "US", "XX"]), international=st.booleans())
def test_any_text_is_a_number_or_itself(text: str, code: str, region: str | None, international: bool) -> None:  # noqa: FBT001
    """Reading a number fails on no text; a text that is no number is returned as it came."""
    for number, country in (
        read_number(text, default_region=region, international=international),
        read_split_number(code, text),
    ):
        assert number == text.strip() or number[0] == "+"
        assert country == "" or country.isalpha()
