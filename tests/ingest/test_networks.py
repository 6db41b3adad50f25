"""Addresses and networks."""

from ipaddress import ip_network

from ingest.networks import client_network, within


def test_a_v4_address_in_v6_form_is_the_same() -> None:
    """An IPv4 peer on a dual-stack socket matches IPv4 networks; text that is no address matches none."""
    networks = (ip_network("192.0.2.0/24"),)
    assert within("::ffff:192.0.2.1", networks)
    assert not within("not an address", networks)


def test_a_client_has_a_whole_v6_network() -> None:
    """Addresses of one IPv6 /64 count as one client, IPv4 addresses each as one."""
    assert client_network("2001:db8::1") == client_network("2001:db8::ffff:1%eth0") != client_network("2001:db8:0:1::1")
    assert client_network("192.0.2.1") == "192.0.2.1"
