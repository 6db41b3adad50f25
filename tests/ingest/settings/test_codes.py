"""Codes that an operator adds."""

from typing import Any

import pytest
from pydantic import ValidationError

from ingest.settings.accounts import effective_accounts
from ingest.settings.settings import Settings
from normalizers import PROVIDERS
from normalizers.model import Callback, CodeSource, DeliveryReport, Reason, Status
from normalizers.testing.examples import RECEIVED_AT


def settings(provider: str = "juhe", shared: Any = None, own: Any = None) -> Settings:
    """Return settings of one account, with codes of its provider and of its own."""
    return Settings.model_validate(
        {
            "providers": {provider: {"codes": shared or {}}},
            "accounts": [{"provider": provider, "open": True, "codes": own or {}}],
        }
    )


def read(configured: Settings, **request: Any) -> DeliveryReport:
    """Return the report that a callback makes of the one account."""
    [account] = effective_accounts(configured)
    callback = Callback(account=account.reading, received_at=RECEIVED_AT, **request)
    [report] = PROVIDERS[account.provider.name].parse(callback)
    assert isinstance(report, DeliveryReport)
    return report


def juhe(configured: Settings, stat: str) -> tuple[Status, Reason | None, CodeSource, bool]:
    """Return what a code of Juhe's means."""
    report = read(configured, method="POST", body=b'[{"mid":"1","mobile":"13800138000","stat":"%b"}]' % stat.encode())
    return report.status, report.reason, report.code_source, report.unmapped


def test_an_added_code_is_read() -> None:
    """A code has the meaning that the settings give it, in upper or lower case, and `code_source` says so."""
    configured = settings(shared={"mk:0004": {"status": "undeliverable", "reason": "network_error"}})
    expected = (Status.UNDELIVERABLE, Reason.NETWORK_ERROR, CodeSource.SETTINGS, False)
    assert juhe(configured, "MK:0004") == juhe(configured, "mk:0004") == expected
    assert juhe(configured, "MK:0005") == (Status.UNKNOWN, None, CodeSource.NONE, True)


def test_a_family_of_codes_is_read() -> None:
    """A key that ends in `*` stands for every code that begins with the rest; the longest such key counts."""
    configured = settings(shared={"MB:*": {"status": "rejected"}, "MB:1*": {"status": "expired", "reason": "expired"}})
    assert juhe(configured, "MB:0001") == (Status.REJECTED, Reason.UNKNOWN, CodeSource.SETTINGS, False)
    assert juhe(configured, "MB:1001")[0] is Status.EXPIRED
    assert juhe(configured, "MB") == (Status.UNKNOWN, None, CodeSource.NONE, True)


def test_settings_go_before_the_document() -> None:
    """An operator's meaning of a code goes before the document's and SMPP's, and an account's before its provider's."""
    configured = settings(
        shared={"DELIVRD": {"status": "accepted"}, "UNDELIV": {"status": "expired"}},
        own={"UNDELIV": {"status": "rejected", "reason": "throttled"}},
    )
    assert juhe(configured, "DELIVRD")[0] is Status.ACCEPTED
    assert juhe(configured, "UNDELIV")[:2] == (Status.REJECTED, Reason.THROTTLED)
    assert juhe(configured, "REJECTD")[2] is CodeSource.SMPP


def test_an_error_code_of_cm_gives_the_reason() -> None:
    """CM's error codes are added with `error:`, and give a failure its reason."""
    configured = settings("cm", own={"error:206": {"reason": "handset_error"}, "4": {"status": "delivered"}})
    failed = read(configured, method="GET", query=b"GSM=447400123456&STATUS=3&STATUSDESCRIPTION=206")
    assert (failed.status, failed.reason, failed.unmapped) == (Status.UNDELIVERABLE, Reason.HANDSET_ERROR, False)
    assert failed.code_source is CodeSource.SETTINGS
    assert read(configured, method="GET", query=b"GSM=447400123456&STATUS=4").status is Status.DELIVERED


def test_a_code_of_santo_has_its_state() -> None:
    """Santo's codes are added with their state, as its document has them."""
    configured = settings("santo", own={"400|405": {"status": "rejected", "reason": "throttled"}})
    report = read(configured, method="GET", query=b"command=RT_REQUEST&msgid=1&da=8613800138000&rsm=1|400|405||")
    assert (report.status, report.reason) == (Status.REJECTED, Reason.THROTTLED)


@pytest.mark.parametrize(
    ("provider", "codes", "words"),
    [
        ("juhe", {"": {"status": "rejected"}}, "is no code"),
        ("juhe", {"X": {}}, "needs a status: one of unknown, scheduled"),
        ("juhe", {"X": {"reason": "expired"}}, "needs a status"),
        ("juhe", {"X": {"status": "delivered", "reason": "expired"}}, "status delivered is no failure"),
        ("juhe", {"X": {"status": "failed"}}, "Input should be 'unknown'"),
        ("juhe", {"X": {"status": "rejected", "reason": "none"}}, "Input should be 'expired'"),
        ("juhe", {"X": {"state": "rejected"}}, "Extra inputs"),
        ("juhe", {"error:1": {"reason": "expired"}}, "is no code of juhe, which has no error codes"),
        ("juhe", {"M*K": {"status": "rejected"}}, "at the end only"),
        ("juhe", {"x": {"status": "rejected"}, "X ": {"status": "expired"}}, "is given twice"),
        ("cm", {"error:1": {"status": "rejected"}}, "an error code gives a reason alone"),
        ("cm", {"error:1": {}}, "needs a reason: one of expired"),
        ("santo", {"405": {"status": "rejected"}}, r"is never found: write santo's codes as state\|code"),
    ],
)
def test_codes_that_can_not_be_used_are_refused(provider: str, codes: dict[str, Any], words: str) -> None:
    """A code that would mean nothing stops the start, in words that say what is allowed."""
    for where in ({"shared": codes}, {"own": codes}):
        with pytest.raises(ValidationError, match=words):
            settings(provider, **where)


def test_codes_of_no_provider_are_refused() -> None:
    """The error for an unknown provider names it, and lists the known ones."""
    with pytest.raises(ValidationError, match="no such provider; there are cm, juhe"):
        Settings.model_validate({"providers": {"jhe": {}}})
