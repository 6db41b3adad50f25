"""Recognizes requests that another site's web page makes a browser send; listeners without users refuse them."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from aiohttp import web


def is_foreign(request: web.BaseRequest, *, guarded: bool = False) -> bool:
    """
    Tell whether a web page of another site may have made a browser send this request.

    If a token is required (`guarded`), the host may have any name: no other site knows the token.
    """
    host, origin = request.headers.get("Host", ""), request.headers.get("Origin")
    other_site = request.headers.get("Sec-Fetch-Site", "none") not in {"none", "same-origin"}
    other_origin = origin is not None and urlsplit(origin).netloc != host
    return other_site or other_origin or not (guarded or has_own_host(request))


def has_own_host(request: web.BaseRequest) -> bool:
    """
    Tell whether the Host header, and the host in the request's target if it has one, is an address or `localhost`.

    Another site can make one of its own names point to this machine (DNS rebinding), so that a browser takes this
    server for that site. It can't do so with an address or with `localhost`.
    """
    try:
        names = urlsplit(f"//{request.headers.get('Host', '')}").hostname, request.url.host
        return all(name == "localhost" or ip_address(name or "") for name in names)
    except ValueError:
        return False
