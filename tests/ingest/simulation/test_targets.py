"""The targets of a simulation: by the settings that the receiver has."""

from typing import Any

import pytest

from ingest.settings.errors import InvalidSettingsError
from ingest.settings.settings import Settings
from ingest.simulation.dialects import DIALECTS
from ingest.simulation.run import read_shares
from ingest.simulation.targets import open_targets, receiver_url


def _settings(**given: Any) -> Settings:
    return Settings.model_validate(given)


def test_without_accounts_every_provider_posts_to_its_default_one() -> None:
    """With no settings, all providers are played, each to the account `default`, without a secret."""
    targets = open_targets(Settings())
    assert {name: target.path for name, target in targets.items()} == {
        name: f"/callbacks/{name}/default" for name in DIALECTS
    }


def test_accounts_are_posted_to_with_their_secret() -> None:
    """With accounts, the providers that have one are played, to their first one, with its first secret."""
    settings = _settings(
        accounts=[
            {"provider": "cm", "name": "eu", "secrets": ["s?1", "s2"]},
            {"provider": "cm", "name": "us", "open": True},
            {"provider": "juhe", "open": True, "acknowledge_unreadable": True},
        ]
    )
    targets = open_targets(settings)
    assert {name: target.path for name, target in targets.items()} == {
        "cm": "/callbacks/cm/eu/s%3F1",
        "juhe": "/callbacks/juhe/default",
    }
    assert (targets["cm"].malformed, targets["juhe"].malformed) == (400, 200)


def test_options_lead_the_settings() -> None:
    """An account and a secret that are given are used, whether the settings know the account or not."""
    settings = _settings(accounts=[{"provider": "cm", "name": "eu", "secrets": ["s1"]}])
    assert open_targets(settings, account="eu", secret="s9")["cm"].path == "/callbacks/cm/eu/s9"
    assert open_targets(settings, account="other")["cm"].path == "/callbacks/cm/other"
    assert list(open_targets(settings, providers=("santo",))) == ["santo"]


def test_where_a_secret_is_in_the_payload_nothing_is_spoiled_that_hides_it() -> None:
    """An account with AUTH_KEY gets no body from which the key can't be read: that would be forbidden."""
    [target] = open_targets(_settings(accounts=[{"provider": "cloudsms", "auth_key": "k" * 88}])).values()
    assert target.dialect.spoils
    assert all(spoil.authentic for spoil in target.dialect.spoils)
    assert len(target.dialect.spoils) < len(DIALECTS["cloudsms"].spoils)


@pytest.mark.parametrize("given", [{"providers": ("cmessages",)}, {"account": "no/such"}])
def test_what_cannot_be_played_is_named(given: dict[str, Any]) -> None:
    """A provider that has no callbacks, or an account that can't exist, is an error that says so."""
    with pytest.raises(InvalidSettingsError, match=r"cmessages|account"):
        open_targets(Settings(), **given)


def test_the_receiver_is_found_by_the_settings() -> None:
    """The receiver's address comes from the settings; one that listens everywhere is reached on this machine."""
    assert receiver_url(Settings()) == "http://127.0.0.1:8080"
    guarded = _settings(
        receiver={"listen": ":8080", "tls_cert": "c.pem", "tls_key": "k.pem"},
        accounts=[{"provider": "cm", "open": True}],
    )
    assert receiver_url(guarded) == "https://127.0.0.1:8080"
    assert receiver_url(_settings(receiver={"listen": "[::1]:8080"})) == "http://[::1]:8080"


@pytest.mark.parametrize("text", ["cm", "cm=", "cm=2", "cm=-0.1", "cm=x", "sms=0.5", "cm=nan"])
def test_a_share_that_makes_no_sense_is_refused(text: str) -> None:
    """`--fail` takes a provider and a share of 0 to 1, and nothing else."""
    with pytest.raises(InvalidSettingsError, match="PROVIDER=SHARE"):
        read_shares([text])


def test_shares_are_read() -> None:
    """`--fail` can be given for several providers."""
    assert read_shares(["cm=0.5", "santo=1"]) == {"cm": 0.5, "santo": 1.0}
