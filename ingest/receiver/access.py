"""Who may post where: the accounts of the settings, each with its secrets and its allowed networks."""

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from types import MappingProxyType

from ingest.settings.accounts import EffectiveAccount
from ingest.settings.values import Network
from normalizers.model import Account
from normalizers.provider import Provider


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who may post to one account."""

    provider: Provider
    account: Account
    secrets: tuple[bytes, ...] = ()
    allow: tuple[Network, ...] = ()
    acknowledge_unreadable: bool = False

    def admits(self, peer: str, secret: str) -> bool:
        """Tell whether this peer, with this secret in its path, may post; takes the same time for every secret."""
        if self.secrets:
            given = secret.encode("utf-8", "surrogateescape")
            matches = [hmac.compare_digest(given, known) for known in self.secrets]
            if not any(matches):
                return False
        return not self.allow or within(peer, self.allow)


AccessByAccount = Mapping[tuple[str, str], Access]


def access_by_account(accounts: Iterable[EffectiveAccount]) -> AccessByAccount:
    """Return who may post to every account with callbacks, by (provider, account)."""
    return MappingProxyType({account.key: _access(account) for account in accounts if account.provider.methods})


def _access(account: EffectiveAccount) -> Access:
    return Access(
        provider=account.provider,
        account=account.reading,
        secrets=tuple(secret.encode() for secret in account.secrets),
        allow=account.allow,
        acknowledge_unreadable=account.acknowledge_unreadable,
    )


@lru_cache(maxsize=4096)
def within(peer: str, networks: tuple[Network, ...]) -> bool:
    """Tell whether an address is in one of the networks; what is no address is in none."""
    address = _address(peer)
    return address is not None and any(address in network for network in networks)


def client_of(peer: str, forwarded_for: str, trusted: tuple[Network, ...]) -> str:
    """
    Return who is calling: the connection's peer, or what trusted proxies say stands before it.

    `X-Forwarded-For` grows to the right, so it is read from there, as far as the proxies are trusted.
    """
    for hop in reversed(forwarded_for.split(",")):
        if not forwarded_for or not within(peer, trusted):
            break
        peer = hop.strip()
    return peer


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
