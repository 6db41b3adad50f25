"""Accounts that poll a simulated server."""

from collections.abc import Sequence
from typing import Any

from ingest.polling.account import PolledAccount, polled_accounts
from ingest.settings.accounts import effective_account
from ingest.settings.settings import AccountSettings
from sinks.stream import Record
from tests.ingest.polling.simulated import SimulatedProviders

CREDENTIALS = {
    "cmessages": {"app_id": "dpnR9ekVE4TKmxBfuY", "app_key": "22QGd7h8WRn9wkEar63xcDU8fLq4KTtv"},
    "santo": {"cpid": "Test101", "cppwd": "s3cret-cppwd"},
    "juhe": {"account": "922011", "password": "s3cret-juhe"},
}


def make_server(**given: Any) -> SimulatedProviders:
    """Make a server that asks for these credentials."""
    return SimulatedProviders(credentials=CREDENTIALS, **given)


def poll_settings(provider: str, url: str, **given: Any) -> dict[str, Any]:
    """Return an account's `poll`: as fast as the tests' patience asks for."""
    return {
        "url": url,
        **CREDENTIALS[provider],
        "requests_per_minute": 60_000,
        "first_delay_s": 0,
        "every_s": 0.2,
        "timeout_s": 5,
        "balance": False,
        **given,
    }


def make_account(provider: str, url: str, *, age_out_h: float | None = None, **given: Any) -> PolledAccount:
    """Make an account as the settings would."""
    account = AccountSettings.model_validate(
        {"provider": provider, "age_out_h": age_out_h, "poll": poll_settings(provider, url, **given)}
    )
    [polled] = polled_accounts([effective_account(account)])
    return polled


class Collected:
    """A stream that is a list."""

    at_once = 1

    def __init__(self) -> None:
        """Hold nothing yet."""
        self.records: list[Record] = []

    async def append(self, records: Sequence[Record]) -> None:
        """Take records in."""
        self.records.extend(records)

    async def close(self) -> None:
        """Do nothing."""
