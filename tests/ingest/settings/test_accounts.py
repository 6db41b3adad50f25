"""The accounts that the program works with."""

from datetime import timedelta

from ingest.settings.accounts import effective_accounts
from ingest.settings.settings import Settings
from normalizers import PROVIDERS


def test_without_accounts_every_provider_has_the_default_one() -> None:
    """Settings that name no account mean `default` of every provider."""
    assert [account.key for account in effective_accounts(Settings())] == [(name, "default") for name in PROVIDERS]


def test_configured_accounts_replace_the_default_ones() -> None:
    """Accounts in the settings replace the default ones, with the provider's default for how long reports may take."""
    settings = Settings.model_validate(
        {
            "accounts": [
                {"provider": "cloudsms", "secrets": ["s"], "age_out_h": 2},
                {"provider": "cloudsms", "name": "b"},
            ]
        }
    )
    first, second = effective_accounts(settings)
    assert (first.key, first.secrets, first.reports_within) == (("cloudsms", "default"), ("s",), timedelta(hours=2))
    assert (second.key, second.reports_within) == (("cloudsms", "b"), PROVIDERS["cloudsms"].reports_within)
