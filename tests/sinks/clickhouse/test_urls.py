"""The URL of a store names one server or several."""

from sinks.clickhouse.urls import ping_url, server_urls


def test_every_host_has_the_same_credentials_and_options() -> None:
    """Hosts are separated by commas; what stands before and after them holds for each."""
    assert server_urls("https://me:a,b@one:8443, [::1]:8443/?ca_cert=x,y") == [
        "https://me:a,b@one:8443/?ca_cert=x,y",
        "https://me:a,b@[::1]:8443/?ca_cert=x,y",
    ]
    assert server_urls("http://one") == ["http://one"]


def test_the_health_check_is_asked_without_credentials() -> None:
    """The address of the health check holds no password."""
    assert ping_url("https://me:secret@one:8443?verify=false") == "https://one:8443/ping"
