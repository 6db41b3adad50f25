"""Statuses, reasons and code tables."""

import re

import pytest

from normalizers.model import Code, CodeTable, Persistence, Reason, Status
from normalizers.santo import CODES


def test_every_status_has_its_rank() -> None:
    """The status with the highest rank decides a message's state: final before not final, delivered before failed."""
    failed = {"expired": 4, "deleted": 4, "undeliverable": 4, "rejected": 4}
    not_final = {"unknown": 0, "scheduled": 1, "accepted": 2, "enroute": 3}
    assert {status: status.rank for status in Status} == {**not_final, **failed, "delivered": 5}
    assert {status for status in Status if status.final} == {*failed, "delivered"}
    assert {status for status in Status if status.failed} == set(failed)


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_says_whether_to_send_again(reason: Reason) -> None:
    """A failure is temporary, permanent, or not known to be either."""
    assert reason.persistence in Persistence


def test_a_code_is_found_however_it_is_written() -> None:
    """Spaces around a code and its case are ignored; a code that is not in the table is not found."""
    assert CODES.find(" 0|delivrd ") is CODES.exact["0|DELIVRD"]
    assert CODES.find("0|DELIVR") is None


def test_an_exact_code_goes_before_a_family() -> None:
    """A code that the document lists itself is not read as a member of its family."""
    exact, family = (Code(Status.REJECTED, reason, "") for reason in (Reason.THROTTLED, Reason.UNKNOWN))
    table = CodeTable({"MO:200": exact}, [("MO:NNN", re.compile("MO:[0-9]+"), family)])
    assert table.find("mo:200") is exact
    assert table.find("mo:201") is family
    assert table.find("mo:") is None
    assert table.rows() == {"MO:200": exact, "MO:NNN": family}
