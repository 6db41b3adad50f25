"""Finds the accounts and addresses that a simulation posts to, from the receiver's settings."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote

from ingest.settings.accounts import effective_account
from ingest.settings.errors import InvalidSettingsError
from ingest.settings.settings import AccountSettings, Settings
from ingest.settings.values import http_url
from ingest.simulation.dialect import Dialect
from ingest.simulation.dialects import DIALECTS
from normalizers.model import Account


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """
    A provider, and the account that it posts to.

    `path` holds the secret; `malformed` is the HTTP status that answers an unreadable callback.
    """

    dialect: Dialect
    account: Account
    path: str
    malformed: int = 400


def open_targets(
    settings: Settings, *, providers: tuple[str, ...] = (), account: str = "", secret: str = ""
) -> Mapping[str, Target]:
    """
    Return each provider's target: `account` with `secret`, else the provider's first account in the settings.

    Without `providers`, those with an account are taken, or all if there is no account. Raises `InvalidSettingsError`.
    """
    strange = [name for name in providers if name not in DIALECTS]
    if strange:
        raise InvalidSettingsError(f"provider {strange[0]} can't be played; there are {', '.join(DIALECTS)}")
    having = [name for name in DIALECTS if any(known.provider == name for known in settings.accounts)]
    return {name: _target(name, _account(settings, name, account), secret) for name in providers or having or DIALECTS}


def _account(settings: Settings, provider: str, name: str) -> AccountSettings:
    """Return a provider's account by its name, else its first one; an account that is not in the settings is open."""
    of_provider = [account for account in settings.accounts if account.provider == provider]
    if not name:
        return of_provider[0] if of_provider else AccountSettings(provider=provider)
    for account in of_provider:
        if account.name == name:
            return account
    try:
        return AccountSettings(provider=provider, name=name)
    except ValueError:
        raise InvalidSettingsError("account: give it as letters, digits, `.`, `_` and `-`") from None


def _target(provider: str, settings: AccountSettings, secret: str) -> Target:
    effective = effective_account(settings)
    account = effective.reading
    secrets = [secret] if secret else effective.secrets[:1]
    return Target(
        dialect=_authentic(DIALECTS[provider]) if account.auth_key else DIALECTS[provider],
        account=account,
        path="/".join(["/callbacks", provider, *(quote(part, safe="") for part in (account.name, *secrets))]),
        malformed=200 if settings.acknowledge_unreadable else 400,
    )


def _authentic(dialect: Dialect) -> Dialect:
    """Leave out the spoils that destroy the secret: such a callback is answered with 403 and not kept."""
    return replace(dialect, spoils=[spoil for spoil in dialect.spoils if spoil.authentic])


def admin_address(settings: Settings) -> tuple[str, str]:
    """Return the URL of the admin listener from this machine, and its token."""
    token = settings.admin.token
    return http_url(settings.admin.listen), token.get_secret_value() if token else ""


def receiver_url(settings: Settings) -> str:
    """Return the URL of the receiver from this machine."""
    return http_url(settings.receiver_listen, "https" if settings.receiver.tls_cert else "http")
