"""Recognizes requests that a browser sends for a web page of another site; listeners without users refuse them."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from aiohttp import web


def is_foreign(request: web.BaseRequest, *, guarded: bool = False) -> bool:
    """
    Tell whether a browser may be asking for a web page of another site.

    If a token is required (`guarded`), the host may have any name: no other site has the token.
    """
    host, origin = request.headers.get("Host", ""), request.headers.get("Origin")
    other_site = request.headers.get("Sec-Fetch-Site", "none") not in {"none", "same-origin"}
    return other_site or (origin is not None and urlsplit(origin).netloc != host) or not (guarded or _is_address(host))


def _is_address(host: str) -> bool:
    """Tell whether a Host header is one that no foreign name server can point at this machine."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or bool(ip_address(name))
    except ValueError:
        return False
