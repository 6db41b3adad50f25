"""Which requests the page turns away, and the headers that keep its own answers to themselves."""

from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

#: What the page's own files may do in a browser: nothing but themselves, this door, and no frame around them.
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def is_foreign(request: web.Request, *, guarded: bool) -> bool:
    """
    Tell whether a browser may be asking for a web page of another site.

    Where a token is asked for (`guarded`), the host may have any name: no other site has the token.
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
