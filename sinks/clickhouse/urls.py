"""The URL of a store: `http(s)://user:password@host:port,host:port`, which may end in `?ca_cert=<file>`."""

import re
from typing import Final
from urllib.parse import urlsplit

_PARTS: Final = re.compile(r"(?P<scheme>\w+://)(?P<user>[^/?#]*@)?(?P<hosts>[^/?#@]*)(?P<rest>.*)", re.DOTALL)


def server_urls(url: str) -> list[str]:
    """Return the URL of each server in a URL that may name several hosts."""
    parts = _PARTS.fullmatch(url)
    if parts is None:
        return [url]
    before, after = f"{parts['scheme']}{parts['user'] or ''}", parts["rest"]
    return [f"{before}{host.strip()}{after}" for host in parts["hosts"].split(",")]


def ping_url(server: str) -> str:
    """Return the URL of a server's health check, which needs no credentials."""
    parts = urlsplit(server)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/ping"
