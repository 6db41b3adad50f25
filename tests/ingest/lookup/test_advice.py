"""Advice on the next step for a message."""

from typing import Any

import pytest

from ingest.lookup.advice import advice_for
from normalizers.model import Reason


def advise(*, unmapped: bool = False, **given: Any) -> str:
    """Return the advice on a message."""
    message = {
        "status": "unknown",
        "reason": "",
        "final": False,
        "conflict": False,
        "orphan": False,
        "missing": False,
        "reports": 1,
        "deadline_at": None,
        **given,
    }
    return "\n".join(advice_for(message, unmapped=unmapped))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"status": "delivered", "final": True}, "nothing: it was delivered"),
        ({"status": "undeliverable", "reason": "invalid_number", "final": True}, "correct the number"),
        ({"status": "rejected", "reason": "insufficient_balance", "final": True}, "top up"),
        ({"status": "expired", "reason": "expired", "final": True}, "send again later"),
        ({"status": "deleted", "reason": "deleted", "final": True}, "don't send the same message again"),
        ({"status": "rejected", "reason": "", "final": True}, "ask the provider what the failure means"),
        ({"deadline_at": "2026-11-24 09:29:00.000000"}, "wait: its last report is expected by 2026-11-24 09:29:00 UTC"),
        ({"deadline_at": "2026-11-24 09:29:00.000000", "missing": True}, "no final report came by 2026-11-24 09:29:00"),
        ({}, "wait: the provider has not said yet"),
        ({"status": "delivered", "final": True, "conflict": True}, "two different final states"),
        ({"orphan": True, "account_submits": True}, "POST /submissions names the same"),
        ({"unmapped": True}, "add it to `codes`"),
    ],
)
def test_advice_follows_from_the_state(given: dict[str, Any], says: str) -> None:
    """Every state of a message has something to do next, in words."""
    assert says in advise(**given)


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_an_advice(reason: Reason) -> None:
    """A failure for any reason has exactly one advice."""
    assert len(advise(status="undeliverable", reason=reason, final=True).splitlines()) == 1


def test_orphans_are_nothing_odd_where_nobody_submits() -> None:
    """A report without a submission gives no hint if its account has no submissions at all."""
    assert "POST /submissions" not in advise(orphan=True, account_submits=False)
