"""The right to post to an account: the accounts of the settings, each with its secrets and its allowed networks."""

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ingest.networks import within
from ingest.receiver.rates import TokenBucket
from ingest.settings.accounts import EffectiveAccount
from ingest.settings.values import Network
from normalizers.provider import Provider


@dataclass(frozen=True, slots=True)
class Access:
    """The right to post to one account, and its rate limit (None: unlimited)."""

    account: EffectiveAccount
    rate: TokenBucket | None = None

    @property
    def provider(self) -> Provider:
        """The account's provider."""
        return self.account.provider

    def admits(self, peer: str, secret: str) -> bool:
        """Tell whether this peer, with this secret in its path, may post; takes the same time for every secret."""
        if self.account.secrets:
            given = secret.encode("utf-8", "surrogateescape")
            matches = [hmac.compare_digest(given, known.encode()) for known in self.account.secrets]
            if not any(matches):
                return False
        return not self.account.allow or within(peer, self.account.allow)


AccessByAccount = Mapping[tuple[str, str], Access]


def access_by_account(accounts: Iterable[EffectiveAccount], *, workers: int = 1) -> AccessByAccount:
    """
    Return who may post to every account with callbacks, by (provider, account).

    An account's rate is shared out among the `workers`, since each counts by itself.
    """
    return MappingProxyType(
        {account.key: Access(account, _rate(account, workers)) for account in accounts if account.provider.methods}
    )


def _rate(account: EffectiveAccount, workers: int) -> TokenBucket | None:
    if account.rate is None:
        return None
    return TokenBucket(account.rate / workers, (account.burst or account.rate) / workers)


def client_of(peer: str, forwarded_for: str, trusted: tuple[Network, ...]) -> str:
    """
    Return who is calling: the connection's peer, or the client that trusted proxies name.

    `forwarded_for` is every `X-Forwarded-For` line of the request, joined by commas. Each proxy adds the address that
    it sees at the right end, so that the list is read from there, as long as a trusted proxy wrote the entry.
    `Forwarded` (RFC 7239) is not read.
    """
    for hop in reversed([entry.strip() for entry in forwarded_for.split(",") if entry.strip()]):
        if not within(peer, trusted):
            break
        peer = _without_port(hop)
    return peer


def _without_port(hop: str) -> str:
    """Return the address of a hop that some proxies write with a port: `192.0.2.1:4711`, `[2001:db8::1]:4711`."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop
