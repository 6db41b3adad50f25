"""The fields of a submission, normalized to the form that reports of the message have."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from normalizers import PROVIDERS
from normalizers.errors import MalformedError
from normalizers.model import Account
from normalizers.submissions import Submission, SubmittingAccount, SubmittingAccounts, read_submissions

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SENDERS: SubmittingAccounts = {
    (name, "default"): SubmittingAccount(provider=provider, reading=Account(), reports_within=provider.reports_within)
    for name, provider in PROVIDERS.items()
}


def read(**fields: Any) -> Submission:
    """Read one submission."""
    body = {"provider": "santo", "message_id": "m-1", "recipient": "8613800138000", **fields}
    [submission] = read_submissions(orjson.dumps(body), SENDERS, NOW)
    assert isinstance(submission, Submission), submission
    return submission


def fault(body: Any) -> str:
    """Tell what is wrong with one submission."""
    [error] = read_submissions(orjson.dumps(body), SENDERS, NOW)
    assert isinstance(error, MalformedError)
    return str(error)


@pytest.mark.parametrize(
    ("provider", "recipient", "e164", "country"),
    [
        ("juhe", "18983437010", "+8618983437010", "CN"),
        ("cmessages", "17072440811", "+8617072440811", "CN"),
        ("juhe", "+447400123456", "+447400123456", "GB"),
        ("santo", "8613910825657", "+8613910825657", "CN"),
        ("cm", "00447400123456", "+447400123456", "GB"),
        ("cloudsms", "85267012345", "+85267012345", "HK"),
        ("santo", "no number", "no number", ""),
    ],
)
def test_a_recipient_is_read_as_its_provider_writes_it(provider: str, recipient: str, e164: str, country: str) -> None:
    """A recipient is read by its provider's rules, so that the reports have the same number."""
    submission = read(provider=provider, recipient=recipient)
    assert (submission.recipient, submission.country) == (e164, country)


def test_optional_fields_have_defaults() -> None:
    """By default a submission is of the account `default`, made now, without reference and tags."""
    found = read()
    assert (found.account, found.submitted_at, found.reference, found.tags) == ("default", NOW, "", {})


def test_a_time_is_kept_in_utc_and_to_the_microsecond() -> None:
    """A time may have any offset."""
    submitted_at = read(submitted_at="2026-11-20T19:30:00.123456+08:00").submitted_at
    assert submitted_at == datetime(2026, 11, 20, 11, 30, 0, 123456, tzinfo=UTC)


def test_reports_are_expected_as_long_as_the_provider_sends_them() -> None:
    """CloudSMS reports within 25 hours, the others within 72."""
    hours = {name: (read(provider=name, reference="r").deadline_at - NOW) / timedelta(hours=1) for name in PROVIDERS}
    assert hours.pop("cloudsms") == 25
    assert hours["cm"] == 72
    assert hours == {name: PROVIDERS[name].reports_within / timedelta(hours=1) for name in hours}


def test_cm_knows_a_message_by_its_reference() -> None:
    """CM's reports name the customer's reference, so a submission to CM is matched by it."""
    assert read(provider="cm", message_id="", reference="order-1").message_id == "order-1"
    assert read(provider="cm", message_id="their-id", reference="order-1").message_id == "order-1"
    assert read(provider="cm", message_id="order-1").message_id == "order-1"
    assert read(provider="santo", message_id="m-1", reference="order-1").message_id == "m-1"


def test_a_submission_is_its_message_and_recipient() -> None:
    """A repeated submission is the same one, even if its other fields differ; another recipient makes another."""
    first = read(submitted_at="2026-11-20T10:00:00Z", tags={"campaign": "a"})
    assert read(recipient="+86 138 0013 8000").event_id == first.event_id
    assert read(recipient="8613800138001").event_id != first.event_id
    assert read(provider="cm").event_id != first.event_id


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"provider": "nobody"}, "$.provider: is no provider that has an account"),
        ({"account": "other"}, "$.account: is no account of santo"),
        ({"message_id": None}, "$.message_id: is missing"),
        ({"recipient": " "}, "$.recipient: is missing"),
        ({"recipient": ["8613800138000"]}, "$.recipient: is neither text nor a whole number"),
        ({"submitted_at": "2026-11-20T12:00:00"}, "$.submitted_at: is no time with its offset"),
        ({"submitted_at": "yesterday"}, "$.submitted_at: is no time with its offset"),
        ({"submitted_at": "0001-01-01T00:00:00+14:00"}, "$.submitted_at: is no time with its offset"),
        ({"tags": ["a"]}, "$.tags: is no object"),
        ({"tags": {"a": 1}}, "$.tags.a: is no text"),
        ({"campaign": "x"}, "$.campaign: is no field of a submission"),
        ({"reference": "x" * 513}, "$.reference: is longer than 512 characters"),
    ],
)
def test_an_error_names_the_field(fields: dict[str, Any], words: str) -> None:
    """The error of a submission says which field is wrong and why, without repeating the value."""
    body = {"provider": "santo", "message_id": "m-1", "recipient": "8613800138000", **fields}
    assert fault(body).startswith(words)


def test_submissions_in_an_array_are_read_one_by_one() -> None:
    """The error of a bad submission gives its place in the array."""
    good = {"provider": "santo", "message_id": "m-1", "recipient": "8613800138000"}
    first, second, third = read_submissions(orjson.dumps([good, {**good, "recipient": ""}, 5]), SENDERS, NOW)
    assert isinstance(first, Submission)
    assert [str(second), str(third)] == ["$[1].recipient: is missing", "$[2]: is not an object"]


@pytest.mark.parametrize("body", [b"", b"5", b"[", b'"text"', b"\xff"])
def test_a_body_that_is_no_array_or_object_is_refused(body: bytes) -> None:
    """A body that holds no submissions is refused as a whole."""
    with pytest.raises(MalformedError):
        read_submissions(body, SENDERS, NOW)
