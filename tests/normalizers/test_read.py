"""The decoders: fields, parameters and times."""

from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import parse_qsl, urlencode
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalizers import read
from normalizers.errors import Fault, MalformedError
from normalizers.model import DeliveryReport
from tests.factories import make_report

AT = datetime(2025, 11, 20, 12, 0, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-11-20 20:00:05", AT),
        ("2025-11-20T20:00:05", AT),
        ("20251120200005", AT),
        ("20251120T200005", AT),
        ("2025-11-20T12:00:05Z", AT),
        ("2025-11-20T13:00:05+01:00", AT),
        ("2025-11-20T13:00:05 01:00", AT),
        ("2025-11-20 13:00:05 0100", AT),
        ("2025-11-20 13:00:05 +0100", AT),
        ("2025-11-20 11:00:05 -01:00", AT),
        ("2025-11-20T13:00:05.250 01:00", AT + timedelta(milliseconds=250)),
        ("2025-11-20 20:00:05.1239", AT + timedelta(milliseconds=123)),
        ("2025-11-20 20:00", AT - timedelta(seconds=5)),
        ("2025-11-20", datetime(2025, 11, 19, 16, tzinfo=UTC)),
        ("1970-01-01 08:00:00", datetime(1970, 1, 1, tzinfo=UTC)),
        ("2101-01-01 07:59:59", datetime(2100, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_a_time_is_read_however_it_is_written(text: str, expected: datetime) -> None:
    """A time in any common form is read into UTC, to the millisecond."""
    assert read.time(text, read.UTC_8) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "DR报告推送时间",
        "[DATETIME_S]",
        "2025-13-01 00:00:00",
        "2025-11-20 20:00:61",
        "2025-11-20T20:00:05 99:00",
        "1970-01-01 07:59:59",
        "2101-01-01 08:00:00",
        "0001-01-01 00:00:00",
        "9999-12-31T23:59:59-23:59",
        "1763640005",
        "1763640005123",
        "٢٠٢٥١١٢٠٢٠٠٠٠٥",
        "\0",
        f"2025-11-20 20:00:05.{'0' * 60}",
    ],
)
def test_a_time_that_cannot_be_read_is_none(text: str) -> None:
    """A placeholder, or a time outside of 1970 to 2100, is read as no time."""
    assert read.time(text, read.UTC_8) is None


def test_a_time_without_offset_is_in_the_given_zone() -> None:
    """A stamp without an offset is local time in the given zone, in summer as in winter."""
    amsterdam = ZoneInfo("Europe/Amsterdam")
    assert read.time("2025-11-20 13:00:05", amsterdam) == AT
    assert read.time("2025-07-20 14:00:05", amsterdam) == AT.replace(month=7)
    assert read.time("2025-11-20T12:00:05Z", amsterdam) == AT


@given(
    at=st.datetimes(datetime(1971, 1, 1), datetime(2099, 1, 1)),  # noqa: DTZ001  (the offset is the next argument)
    minutes=st.integers(-14 * 60, 14 * 60),
)
def test_a_time_with_an_offset_survives_a_query(at: datetime, minutes: int) -> None:
    """An offset's plus that a query turned into a space is still a plus."""
    aware = at.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    kept = aware.replace(microsecond=aware.microsecond // 1000 * 1000)
    assert read.time(aware.isoformat(), UTC) == kept
    assert read.time(aware.isoformat().replace("+", " "), UTC) == kept


@given(pairs=st.lists(st.tuples(st.text(min_size=1), st.text(min_size=1))))
def test_parameters_are_decoded_as_the_standard_library_does(pairs: list[tuple[str, str]]) -> None:
    """A query string is decoded as the standard library does it; of two parameters of one name the last counts."""
    encoded = urlencode(pairs).encode()
    decoded = read.pairs(encoded)
    decoded.pop("", None)
    assert decoded == dict(parse_qsl(encoded.decode()))


def test_parameters_need_not_be_encoded() -> None:
    """Characters that belong encoded in a query are read as they came."""
    assert read.pairs("rsm=a|0|b||&x=é&&y&z=1=2&%e4=%zz".encode()) == {
        "rsm": "a|0|b||",
        "x": "é",
        "": "",
        "y": "",
        "z": "1=2",
        "ä": "%zz",
    }


@pytest.mark.parametrize(
    ("encoded", "fallback", "text"),
    [
        ("é&b".encode(), (), "é"),
        ("é&b".encode("latin-1"), (), "é"),
        (b"%E9&b", (), "é"),
        ("余额&b".encode("gbk"), ("gbk",), "余额"),
        (b"\xff&b", ("gbk",), "ÿ"),
        ("é&".encode() + "余额".encode("gbk"), ("gbk",), "é"),
    ],
)
def test_a_parameter_is_read_in_the_charset_that_it_is_in(encoded: bytes, fallback: tuple[str, ...], text: str) -> None:
    """Each parameter is read as UTF-8 if it can be, else in the provider's charset."""
    assert read.pairs(b"x=" + encoded, *fallback)["x"] == text
    assert read.pairs(read.as_text(b"x=" + encoded).encode(), *fallback) == read.pairs(b"x=" + encoded, *fallback)


@pytest.mark.parametrize(
    ("value", "text"),
    [(" a ", "a"), (0, "0"), (-3.0, "-3"), (1e2, "100"), (10**30, "1" + "0" * 30), ("", ""), ("\0", "\0")],
)
def test_a_field_is_text_or_a_whole_number(value: object, text: str) -> None:
    """A field may be text or a whole number, and spaces around it are ignored."""
    fields = {"a": value}
    assert read.optional(fields, "a", "$") == read.required(fields, "a", "$") == text
    assert read.verbatim(fields, "a", "$").strip() == text


@pytest.mark.parametrize("value", [True, False, 1.5, 2.0**53, -1e300, [], {}, ["a"]])
def test_a_field_of_another_kind_is_a_bad_value(value: object) -> None:
    """A value that is neither text nor a whole number is refused, by its path and without its value."""
    for reader in (read.optional, read.required, read.verbatim, read.filled):
        with pytest.raises(MalformedError) as raised:
            reader({"a": value}, "a", "$[2]")
        assert raised.value.why == Fault.BAD_VALUE
        assert str(raised.value) == "$[2].a: is neither text nor a whole number"


def test_a_missing_field_is_a_fault_of_its_own() -> None:
    """A missing field and an empty one are different faults; an optional field that is missing is empty."""
    for fields in ({}, {"a": None}):
        assert read.optional(fields, "a", "$") == ""
        for reader in (read.required, read.verbatim, read.filled, read.nested):
            with pytest.raises(MalformedError, match=r"^\$\.a: is missing$"):
                reader(fields, "a", "$")
    with pytest.raises(MalformedError, match=r"^\$\.a: is empty$"):
        read.filled({"a": " "}, "a", "$")


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", Fault.NOT_JSON),
        (b"{", Fault.NOT_JSON),
        (b"[1,", Fault.NOT_JSON),
        (b"{} x", Fault.NOT_JSON),
        (b'{"a":1,}', Fault.NOT_JSON),
        (b'{"a":NaN}', Fault.NOT_JSON),
        (b'{"a":"\xff"}', Fault.NOT_JSON),
        (b'{"a":"\\ud800"}', Fault.NOT_JSON),
        (b'{"a":' + b"[" * 100_000, Fault.NOT_JSON),
        (b"[" * 100_000, Fault.NOT_JSON),
        (b"[]", Fault.BAD_VALUE),
        (b'"a"', Fault.BAD_VALUE),
        (b'{"a":1e400}', Fault.BAD_VALUE),
        (b'{"a":' + b"1" * 5000 + b"}", Fault.BAD_VALUE),
    ],
)
def test_not_json_and_not_an_object_are_two_faults(raw: bytes, why: Fault) -> None:
    """Bytes that are not JSON are one fault, JSON of another kind is another."""
    with pytest.raises(MalformedError) as raised:
        read.json_object(raw)
    assert raised.value.why == why


def test_an_element_keeps_its_own_bytes() -> None:
    """An item is kept with exactly the bytes that came."""
    elements = read.json_elements(b' [ {"a": 1.50 } ,\n"x"]', "$.b")
    assert [(where, bytes(element)) for where, element in elements] == [("$.b[0]", b'{"a": 1.50 }'), ("$.b[1]", b'"x"')]


def test_an_array_of_too_many_unreadable_items_is_refused() -> None:
    """Bad items are rejected alone; if there are more than the limit, the array is refused with the first fault."""
    tried = 0

    def read_item(where: str, _: msgspec.Raw) -> DeliveryReport:
        nonlocal tried
        tried += 1
        if where == "$[0]":
            return make_report()
        raise MalformedError(Fault.BAD_VALUE, where, "is bad")

    elements = read.json_elements(b"[{}" + b",1" * 1000 + b"]")
    assert len(read.each(elements, read_item, most_unreadable=1000)) == 1001
    tried = 0
    with pytest.raises(MalformedError, match=r"\$\[1\]: is bad"):
        read.each(elements, read_item, most_unreadable=10)
    assert tried == 12
