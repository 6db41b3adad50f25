"""Handlers that answer a request wrongly, as broken servers and proxies do."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

from aiohttp import web

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


def _always(**answer: Any) -> Handler:
    async def handler(_: web.Request) -> web.StreamResponse:
        return web.Response(**answer)

    return handler


answer_500: Final = _always(status=500, text="internal error")
#: The answer of a proxy whose server does not respond.
answer_502: Final = _always(status=502, text="<html>Bad Gateway</html>", content_type="text/html")
answer_429: Final = _always(status=429, headers={"Retry-After": "1"})
#: An answer in a wrong format.
answer_rubbish: Final = _always(text="<returnsms><status>0</status></returnsms>", content_type="text/xml")


async def answer_half(request: web.Request) -> web.StreamResponse:
    """Begin an answer, and close the connection in the middle of it."""
    response = web.StreamResponse(headers={"Content-Length": "1000", "Content-Type": "application/json"})
    await response.prepare(request)
    await response.write(b'[{"id":')
    if request.transport is not None:
        request.transport.abort()
    return response


WRONG: Final = (answer_500, answer_502, answer_429, answer_rubbish, answer_half)
