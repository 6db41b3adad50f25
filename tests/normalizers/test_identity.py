"""Event ids: what makes two reports one."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalizers.identity import event_id, inbound_event_id

AT = datetime(2025, 11, 20, 12, 0, 5, tzinfo=UTC)
REPORT: dict[str, Any] = {
    "provider": "cm",
    "account": "default",
    "message_id": "m-1",
    "recipient": "+447400123456",
    "provider_status": "2",
    "provider_code": "",
    "occurred_at": AT,
}
INBOUND: dict[str, Any] = {
    "provider": "juhe",
    "account": "default",
    "message_id": "m-1",
    "sender": "+8613800138000",
    "recipient": "106901234",
    "content": "TD",
    "occurred_at": AT,
}


def test_an_id_never_changes() -> None:
    """Ids of today are ids of ever after: a report of last year that comes again is still the same report."""
    assert event_id(**REPORT) == "3b4cf6ba-a716-4322-9ef0-572b774e52a0"
    assert inbound_event_id(**INBOUND) == "0243c051-6920-686f-7893-54c96cf389f3"


@pytest.mark.parametrize("name", REPORT)
def test_a_report_that_differs_in_anything_has_another_id(name: str) -> None:
    """Two different reports are never taken for one."""
    other = AT + timedelta(milliseconds=1) if name == "occurred_at" else f"{REPORT[name]}x"
    assert event_id(**REPORT | {name: other}) != event_id(**REPORT)


@pytest.mark.parametrize("name", INBOUND)
def test_an_inbound_message_that_differs_in_anything_has_another_id(name: str) -> None:
    """Two different inbound messages are never taken for one."""
    other = None if name == "occurred_at" else f"{INBOUND[name]}x"
    assert inbound_event_id(**INBOUND | {name: other}) != inbound_event_id(**INBOUND)


@given(one=st.lists(st.text(), min_size=6, max_size=6), two=st.lists(st.text(), min_size=6, max_size=6))
def test_fields_are_joined_without_ambiguity(one: list[str], two: list[str]) -> None:
    """No text in one field can be mistaken for text in the next; an id is written like a UUID."""
    first, second = (event_id(**dict(zip(REPORT, values, strict=False)), occurred_at=None) for values in (one, two))
    assert (first == second) == (one == two)
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", first)
    inbound = inbound_event_id(**dict(zip(INBOUND, one, strict=False)), occurred_at=None)
    assert inbound != first


@given(text=st.text(max_size=4), extra=st.text(min_size=1, max_size=4))
def test_moving_text_between_fields_makes_another_report(text: str, extra: str) -> None:
    """`a`, `bc` and `ab`, `c` are two reports."""
    one = event_id(**REPORT | {"message_id": text + extra, "recipient": text})
    assert one != event_id(**REPORT | {"message_id": text, "recipient": extra + text})
