"""The vocabulary: what follows from a status and a reason."""

import re

import pytest

from normalizers.model import Code, CodeTable, Persistence, Reason, Status
from normalizers.santo import CODES


@pytest.mark.parametrize(
    ("status", "rank"),
    [
        ("unknown", 0),
        ("scheduled", 1),
        ("accepted", 2),
        ("enroute", 3),
        ("expired", 4),
        ("deleted", 4),
        ("undeliverable", 4),
        ("rejected", 4),
        ("delivered", 5),
    ],
)
def test_a_status_has_its_rank(status: str, rank: int) -> None:
    """The status with the highest rank decides a message's state: final before not final, delivered before failed."""
    assert Status(status).rank == rank
    assert Status(status).final == (rank >= 4)
    assert Status(status).failed == (rank == 4)


def test_every_status_is_ranked() -> None:
    """The nine states of SMPP are all there are."""
    assert len(Status) == 9


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
