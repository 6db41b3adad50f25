"""The types of single settings; their errors say which values are allowed and, if possible, which one was meant."""

import re
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Annotated, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import phonenumbers
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from normalizers import PROVIDERS
from sinks.clickhouse.urls import server_urls

#: Usual spellings of countries, and their ISO 3166-1 codes.
_OTHER_NAMES: Final = {"UK": "GB", "EN": "GB", "EL": "GR", "GER": "DE", "USA": "US", "CHN": "CN", "UAE": "AE"}
_HIGHEST_PORT: Final = 65535
_URL_HINT: Final = (
    "give it as https://user:password@host:8443, or with several hosts as https://user:password@a:8443,b:8443"
)


def closest(given: str, known: Iterable[str]) -> str:
    """Return the known name that a given one is most likely a misspelling of, or an empty string."""
    by_lower = {name.lower(): name for name in known}
    close = get_close_matches(given.lower(), by_lower, n=1)
    return by_lower[close[0]] if close else ""


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """Return `; did you mean "x"?` with the closest known name, or an empty string."""
    meant = closest(given, known)
    return f'; did you mean "{meant}"?' if meant else ""


def split_address(address: str) -> tuple[str, int]:
    """Split `host:port`; an empty host means every interface."""
    host, _, port = address.rpartition(":")
    return host.strip("[]") or "0.0.0.0", int(port)  # noqa: S104 - `:8080` says so


def http_url(address: str, scheme: str = "http") -> str:
    """Return the URL under which a `host:port` of this machine is reached from it."""
    host, port = split_address(address)
    here = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - looked up, not bound
    return f"{scheme}://{f'[{here}]' if ':' in here else here}:{port}"


def is_loopback(address: str) -> bool:
    """Tell whether only this machine can reach a `host:port`."""
    host, _ = split_address(address)
    return host == "localhost" or ip_address(host).is_loopback


def _checked_address(text: str) -> str:
    host, separator, port = text.rpartition(":")
    if not separator or not port.isdigit() or int(port) > _HIGHEST_PORT:
        raise ValueError("give it as host:port, such as 127.0.0.1:8080")
    if host and host != "localhost":
        try:
            ip_address(host.strip("[]"))
        except ValueError:
            raise ValueError("the host must be an IP address of this machine, such as 127.0.0.1") from None
    return text


def _checked_servers(text: str) -> str:
    servers = [server.strip() for server in text.split(",")]
    if not all(re.fullmatch(r"[^:\s]+:\d{1,5}|\[[0-9A-Fa-f:]+\]:\d{1,5}", server) for server in servers):
        raise ValueError("give it as host:port,host:port, such as kafka-1:9092,kafka-2:9092")
    return ",".join(servers)


def _checked_url(url: SecretStr) -> SecretStr:
    for server in server_urls(url.get_secret_value()):
        try:
            parts = urlsplit(server)
            _ = parts.port
        except ValueError:
            raise ValueError(_URL_HINT) from None
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(_URL_HINT)
    return url


def _checked_timezone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        example = did_you_mean(text, available_timezones()) or "; give an IANA name such as Asia/Shanghai"
        raise ValueError(f"there is no such time zone{example}") from None
    return text


def _checked_region(text: str) -> str:
    if text in phonenumbers.SUPPORTED_REGIONS:
        return text
    meant = _OTHER_NAMES.get(text.upper(), text.upper())
    hint = f'; did you mean "{meant}"?' if meant in phonenumbers.SUPPORTED_REGIONS else ""
    raise ValueError(f"must be a country's ISO 3166-1 code of two letters, such as CN or GB{hint}")


def _not_blank(secret: SecretStr) -> SecretStr:
    if not secret.get_secret_value().strip():
        raise ValueError("must not be empty or blank: leave it out if there is none")
    return secret


def _checked_secret(secret: SecretStr) -> SecretStr:
    if "/" in secret.get_secret_value():
        raise ValueError("must have no slash, since it stands in the path of a URL")
    return secret


def _checked_public_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ValueError("give it as scheme and host, such as https://dlr.example.com")
    return url


def _checked_provider(text: str) -> str:
    if text not in PROVIDERS:
        raise ValueError(f"there is no such provider{did_you_mean(text, PROVIDERS)}; there are {', '.join(PROVIDERS)}")
    return text


def _checked_network(given: object) -> object:
    if not isinstance(given, str):
        raise ValueError("must be a network in quotes, such as 203.0.113.0/24")  # noqa: TRY004 - as pydantic expects
    try:
        return ip_network(given)
    except ValueError:
        pass
    try:
        meant = f'; did you mean "{ip_network(given, strict=False)}"?'
    except ValueError:
        meant = ""
    raise ValueError(f"must be a network such as 203.0.113.0/24{meant}")


def _matching(pattern: str, words: str) -> Callable[[str], str]:
    """Return a check that a text matches a pattern, which `words` describe."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"must be {words}")
        return text

    return check


Address = Annotated[str, AfterValidator(_checked_address)]
Servers = Annotated[str, AfterValidator(_checked_servers)]
ServerUrl = Annotated[SecretStr, AfterValidator(_checked_url)]
TimeZoneName = Annotated[str, AfterValidator(_checked_timezone)]
Region = Annotated[str, AfterValidator(_checked_region)]
PublicUrl = Annotated[str, AfterValidator(_checked_public_url)]
ProviderName = Annotated[str, AfterValidator(_checked_provider)]
Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(_checked_network)]
Name = Annotated[
    str, AfterValidator(_matching(r"[A-Za-z0-9._-]{1,64}", "1 to 64 letters, digits, dots, dashes and underscores"))
]
TopicPrefix = Annotated[
    str,
    AfterValidator(_matching(r"[A-Za-z0-9._-]{0,200}", "at most 200 letters, digits, dots, dashes and underscores")),
]
DatabaseName = Annotated[
    str,
    AfterValidator(_matching(r"[A-Za-z_][A-Za-z0-9_]*", "letters, digits and underscores, and begin with no digit")),
]
ClusterName = Annotated[
    str, AfterValidator(_matching(r"[A-Za-z0-9_.{}-]*", "letters, digits, dots, dashes, underscores and braces"))
]
Secret = Annotated[SecretStr, Field(max_length=256), AfterValidator(_not_blank)]
PathSecret = Annotated[Secret, AfterValidator(_checked_secret)]
