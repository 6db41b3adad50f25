"""The address that a provider called."""

from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request

from ingest.receiver.public_url import called_path, called_url
from ingest.settings.settings import ReceiverSettings

FORWARDED = {"Host": "10.0.0.1:8080", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil, dlr.example.com"}


def called(settings: dict[str, Any], headers: dict[str, str], peer: str = "192.0.2.1") -> str:
    """Return the address of a request from a peer."""
    request = make_mocked_request("POST", "/callbacks/twilio/main?x=1", headers=headers).clone(remote=peer)
    return called_url(request, ReceiverSettings.model_validate(settings))


def test_the_connection_says_what_was_called() -> None:
    """Without a proxy the address is that of the request, without its query; headers of strangers mean nothing."""
    assert called({}, {"Host": "dlr.example.com"}) == "http://dlr.example.com/callbacks/twilio/main"
    assert called({}, FORWARDED) == "http://10.0.0.1:8080/callbacks/twilio/main"


def test_a_target_with_scheme_and_host_is_no_other_path() -> None:
    """The path is that of the request, whether its target names scheme and host before it or not."""
    request = make_mocked_request(
        "POST", "http://dlr.example.com/callbacks/cm?x=1", headers={"Host": "dlr.example.com"}
    )
    assert called_path(request) == ("/callbacks/cm", "x=1")
    assert called_url(request, ReceiverSettings()) == "http://dlr.example.com/callbacks/cm"


def test_a_trusted_proxy_says_what_was_called() -> None:
    """A trusted proxy's own words on scheme and host are believed, not those that it was told."""
    trusted = {"trusted_proxies": ["192.0.2.0/24"]}
    assert called(trusted, FORWARDED) == "https://dlr.example.com/callbacks/twilio/main"
    assert called(trusted, FORWARDED, peer="198.51.100.1") == "http://10.0.0.1:8080/callbacks/twilio/main"
    assert called(trusted, {"Host": "dlr.example.com"}) == "http://dlr.example.com/callbacks/twilio/main"


@pytest.mark.parametrize("given", ["https://dlr.example.com", "https://dlr.example.com/"])
def test_the_settings_say_what_is_called(given: str) -> None:
    """`public_url` is the scheme and host of every address, whatever a proxy makes of it."""
    assert called({"public_url": given}, FORWARDED) == "https://dlr.example.com/callbacks/twilio/main"


@pytest.mark.parametrize("given", ["dlr.example.com", "ftp://x", "https://", "https://x?y", "https://u:p@x"])
def test_a_public_url_is_scheme_and_host(given: str) -> None:
    """Anything else than scheme and host is refused at the start."""
    with pytest.raises(ValueError, match=r"https://dlr\.example\.com"):
        ReceiverSettings.model_validate({"public_url": given})
