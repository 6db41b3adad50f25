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
    other_origin = origin is not None and urlsplit(origin).netloc != host
    return other_site or other_origin or not (guarded or has_own_host(request))


def has_own_host(request: web.BaseRequest) -> bool:
    """
    Tell whether the Host header is an address or `localhost`, and the host in the request's target where one is there.

    A web page can have a name of its own site point to this machine (DNS rebinding), and the browser then takes this
    server for that site. It can't do so with an address or with `localhost`.
    """
    try:
        names = urlsplit(f"//{request.headers.get('Host', '')}").hostname, request.url.host
        return all(name == "localhost" or ip_address(name or "") for name in names)
    except ValueError:
        return False
