"""The settings `poll = { ... }` of an account: how its provider is polled."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, NonNegativeFloat, PositiveInt, SecretStr

from ingest.settings.errors import SettingError
from ingest.settings.section import Section
from ingest.settings.values import Secret
from normalizers import PROVIDERS

_CREDENTIALS: Final = ("app_id", "app_key", "cpid", "cppwd", "account", "password")


def _checked_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.username:
        raise ValueError("give it as https://host[:port][/path], without credentials")
    return url


class PollSettings(Section):
    """
    How an account's provider is polled: address, credentials, interval and rate.

    A message is asked about `first_delay_s` after its submission was received, then at ages that grow by the factor
    `growth`, and the last time when it ages out. Every `every_s` seconds the due messages are asked about, and
    providers that hand over all new reports are asked for them.
    """

    url: Annotated[str, AfterValidator(_checked_url)] | None = None
    app_id: Secret | None = None
    app_key: Secret | None = None
    cpid: Secret | None = None
    cppwd: Secret | None = None
    account: Secret | None = None
    password: Secret | None = None
    every_s: Annotated[float, Field(ge=0.2)] = 30.0
    first_delay_s: NonNegativeFloat = 120.0
    growth: Annotated[float, Field(ge=1.2)] = 2.5
    requests_per_minute: PositiveInt = 60
    concurrency: Annotated[int, Field(ge=1, le=64)] = 4
    timeout_s: Annotated[float, Field(ge=0.2, le=300)] = 20.0
    size: PositiveInt | None = None
    balance: bool = True
    balance_every_s: Annotated[float, Field(ge=1)] = 300.0

    def credentials(self, names: Sequence[str]) -> Mapping[str, str]:
        """Return those of the named credentials that are set."""
        return {name: value.get_secret_value() for name in names if (value := self._credential(name)) is not None}

    def check(self, provider: str) -> None:
        """Raise `SettingError` if the provider can't be polled with these settings."""
        poll = PROVIDERS[provider].poll
        if poll is None:
            able = ", ".join(name for name, known in PROVIDERS.items() if known.poll is not None)
            raise SettingError("poll", f"{provider} can't be asked for reports; these can: {able}")
        given = {name for name in _CREDENTIALS if self._credential(name) is not None}
        if given != set(poll.credentials):
            raise SettingError(
                "poll", f"{provider} is asked with {' and '.join(poll.credentials)}, and no other credentials"
            )
        if not (self.url or poll.url):
            raise SettingError("poll.url", f"is missing: {provider}'s document names no address")
        if self.size is not None and not poll.sizes.least <= self.size <= poll.sizes.most:
            raise SettingError("poll.size", f"must be {poll.sizes.least} to {poll.sizes.most} for {provider}")

    def _credential(self, name: str) -> SecretStr | None:
        value: SecretStr | None = getattr(self, name)
        return value
