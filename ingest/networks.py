"""Addresses of clients, and the networks that they are in."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address


@lru_cache(maxsize=4096)
def within(peer: str, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    """Tell whether an address is in one of the networks; text that is no address is in none."""
    address = _address(peer)
    return address is not None and any(address in network for network in networks)


def client_network(address: str) -> str:
    """Return what counts as one client: an IPv4 address, or the /64 that an IPv6 client has."""
    if ":" not in address:
        return address
    return ip_address(address.partition("%")[0]).exploded[:19]


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
