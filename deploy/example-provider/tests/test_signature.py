"""Twilio's signature is checked as its documentation describes it."""

import pytest
from dlrhub_twilio import PROVIDER, sign
from msgspec.structs import replace

from normalizers.errors import ForbiddenError
from normalizers.model import Account, Callback
from normalizers.testing.examples import RECEIVED_AT

FORM = b"MessageSid=SM1&MessageStatus=delivered&To=%2B15125550123&From=%2B15005550006"
URL = "https://dlr.example.com/callbacks/twilio"
SIGNED = Callback(
    account=Account(keys={"auth_token": "12345"}),
    method="POST",
    url=URL,
    headers={
        "x-twilio-signature": sign(
            "12345",
            URL,
            {"MessageSid": "SM1", "MessageStatus": "delivered", "To": "+15125550123", "From": "+15005550006"},
        )
    },
    body=FORM,
    received_at=RECEIVED_AT,
)


def test_a_signature_is_that_of_the_documentation() -> None:
    """The documentation's example, which Twilio's own libraries are tested with, has the signature that it prints."""
    form = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+14158675309",
        "Digits": "1234",
        "From": "+14158675309",
        "To": "+18005551212",
    }
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    assert sign("12345", url, form) == "RSOYDt4T1cUTdK1PDd93/VVr8B8="


def test_a_signed_callback_is_read() -> None:
    """A callback with the right signature is accepted, also if its address has a query."""
    assert len(PROVIDER.parse(SIGNED)) == 1
    form = {"MessageSid": "SM1", "MessageStatus": "sent", "To": "+15125550123"}
    headers = {"x-twilio-signature": sign("12345", f"{URL}?x=%20", form)}
    body = b"MessageSid=SM1&MessageStatus=sent&To=%2B15125550123"
    assert len(PROVIDER.parse(replace(SIGNED, query=b"x=%20", headers=headers, body=body))) == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"headers": {}},
        {"headers": {"x-twilio-signature": "é"}},
        {"body": FORM.replace(b"delivered", b"failed")},
        {"body": FORM + b"&x=1"},
        {"url": URL.replace("https", "http")},
        {"query": b"x=1"},
        {"account": Account(keys={"auth_token": "54321"})},
    ],
    ids=str,
)
def test_a_callback_that_was_changed_is_forbidden(changed: dict[str, object]) -> None:
    """Any change of address, parameters, signature or token forbids a callback."""
    with pytest.raises(ForbiddenError):
        PROVIDER.parse(replace(SIGNED, **changed))
