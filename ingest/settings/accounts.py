"""Makes the accounts that all parts of the program use from the settings, with every default filled in."""

from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

from ingest.settings.codes import ProviderSettings, open_codes
from ingest.settings.polling import PollSettings
from ingest.settings.privacy import open_privacy
from ingest.settings.secrets import secret_mask
from ingest.settings.settings import AccountSettings, Settings
from ingest.settings.values import Network
from normalizers import PROVIDERS
from normalizers.model import Account
from normalizers.privacy import KEEP_ALL, Privacy
from normalizers.secrets import NO_SECRETS, SecretMask
from normalizers.submissions import SubmittingAccount


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectiveAccount(SubmittingAccount):
    """
    One account at one provider.

    The receiver uses `secrets`, `allow`, `acknowledge_unreadable`, and `rate` and `burst` (callbacks a second, and at
    once). `poll` is set if the provider is polled.
    """

    secrets: tuple[str, ...] = ()
    allow: tuple[Network, ...] = ()
    acknowledge_unreadable: bool = False
    rate: float | None = None
    burst: int | None = None
    poll: PollSettings | None = None
    mask: SecretMask = NO_SECRETS


def effective_accounts(settings: Settings) -> tuple[EffectiveAccount, ...]:
    """Return the accounts of the settings, or `default` of every provider if they have none."""
    configured = settings.accounts or [AccountSettings(provider=name) for name in PROVIDERS]
    privacy = open_privacy(settings.privacy)
    mask = secret_mask(settings)
    return tuple(
        effective_account(account, privacy, mask, settings.providers.get(account.provider, ProviderSettings()))
        for account in configured
    )


def effective_account(
    configured: AccountSettings,
    privacy: Privacy = KEEP_ALL,
    mask: SecretMask | None = None,
    shared: ProviderSettings | None = None,
) -> EffectiveAccount:
    """Make one account; `mask` defaults to its own secrets, and `shared` are the settings of its provider."""
    provider = PROVIDERS[configured.provider]
    hours = configured.age_out_h
    return EffectiveAccount(
        provider=provider,
        reading=_reading(configured, shared or ProviderSettings()),
        secrets=tuple(secret.get_secret_value() for secret in configured.secrets),
        allow=configured.allow,
        acknowledge_unreadable=configured.acknowledge_unreadable,
        rate=configured.rate,
        burst=configured.burst,
        reports_within=provider.reports_within if hours is None else timedelta(hours=hours),
        poll=configured.poll,
        privacy=privacy,
        mask=mask or secret_mask(configured),
    )


def _reading(configured: AccountSettings, shared: ProviderSettings) -> Account:
    codes, reasons = open_codes([shared.codes, configured.codes])
    return Account(
        name=configured.name,
        timezone=ZoneInfo(configured.timezone) if configured.timezone else None,
        default_region=configured.default_region,
        fields=MappingProxyType(configured.fields),
        auth_key=configured.auth_key.get_secret_value() if configured.auth_key else None,
        codes=codes,
        reasons=reasons,
        keys={name: key.get_secret_value() for name, key in configured.keys.items()},
    )
