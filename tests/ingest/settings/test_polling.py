"""The values of an account's `poll`."""

from typing import Any

import pytest
from pydantic import ValidationError

from ingest.settings.accounts import effective_account
from ingest.settings.settings import AccountSettings, Settings
from tests.ingest.polling.accounts import CREDENTIALS


def account(provider: str, **given: Any) -> AccountSettings:
    """Make an account that is asked."""
    return AccountSettings.model_validate({"provider": provider, "poll": {**CREDENTIALS.get(provider, {}), **given}})


@pytest.mark.parametrize(
    ("provider", "given", "said"),
    [
        ("cm", {}, "cm can't be asked for reports; these can: juhe, santo, cmessages"),
        ("santo", {"cppwd": None}, "santo is asked with cpid and cppwd, and no other credentials"),
        ("santo", {"app_id": "x"}, "santo is asked with cpid and cppwd, and no other credentials"),
        ("juhe", {}, "is missing: juhe's document names no address"),
        ("juhe", {"url": "http://h", "size": 5}, "must be 10 to 10000 for juhe"),
        ("santo", {"size": 2}, "must be 1 to 1 for santo"),
        ("juhe", {"url": "h:80"}, "give it as https://host"),
        ("juhe", {"url": "http://me:secret@h"}, "without credentials"),
        ("cmessages", {"requests_per_minute": 0}, "greater than 0"),
        ("cmessages", {"every": 5}, "Extra inputs are not permitted"),
    ],
)
def test_what_is_wrong_is_said(provider: str, given: dict[str, Any], said: str) -> None:
    """A provider is asked with its own credentials, within its own bounds; anything else stops the start."""
    with pytest.raises(ValidationError, match=said.replace("[", r"\[")) as raised:
        account(provider, **given)
    text = str(raised.value.errors(include_input=False, include_url=False, include_context=False))
    assert not any(secret in text for secrets in CREDENTIALS.values() for secret in secrets.values())


def test_santo_and_cmessages_have_an_address() -> None:
    """Two providers are asked at the address in their documents, over TLS, unless the account says another."""
    assert account("santo").poll
    assert account("cmessages").poll


def test_a_provider_that_never_calls_needs_no_guard() -> None:
    """An account of cmessages, which posts nothing, does not let strangers post."""
    assert not Settings(accounts=(account("cmessages"),)).unguarded
    with pytest.raises(ValidationError, match="santo/default"):
        Settings.model_validate(
            {
                "accounts": [{"provider": "santo"}, {"provider": "cmessages", "poll": CREDENTIALS["cmessages"]}],
                "receiver": {"listen": "0.0.0.0:8080"},
            }
        )


def test_secrets_are_not_shown() -> None:
    """Settings that are printed show no secret."""
    shown = repr(account("cmessages"))
    assert not any(secret in shown for secret in CREDENTIALS["cmessages"].values())


def test_an_account_ages_out_as_its_provider_does_unless_it_says() -> None:
    """Reports are expected for as long as the account says, else its provider's document."""
    hours = {
        name: effective_account(AccountSettings(provider=name)).reports_within.total_seconds() / 3600
        for name in ("cm", "cloudsms", "santo", "juhe", "cmessages")
    }
    assert hours == {"cm": 72, "cloudsms": 25, "santo": 72, "juhe": 72, "cmessages": 72}
    assert effective_account(AccountSettings(provider="cm", age_out_h=0.5)).reports_within.total_seconds() == 1800
