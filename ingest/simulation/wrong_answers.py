"""The ways in which a server may answer wrongly."""

from typing import Final

from aiohttp import web


async def answer_500(_: web.Request) -> web.StreamResponse:
    """Answer that the server failed."""
    return web.Response(status=500, text="internal error")


async def answer_502(_: web.Request) -> web.StreamResponse:
    """Answer as a proxy does before a server that is gone."""
    return web.Response(status=502, text="<html>Bad Gateway</html>", content_type="text/html")


async def answer_429(_: web.Request) -> web.StreamResponse:
    """Answer that there were too many requests."""
    return web.Response(status=429, headers={"Retry-After": "1"})


async def answer_rubbish(_: web.Request) -> web.StreamResponse:
    """Answer in another form than was asked for."""
    return web.Response(text="<returnsms><status>0</status></returnsms>", content_type="text/xml")


async def answer_half(request: web.Request) -> web.StreamResponse:
    """Begin an answer, and hang up."""
    response = web.StreamResponse(headers={"Content-Length": "1000", "Content-Type": "application/json"})
    await response.prepare(request)
    await response.write(b'[{"id":')
    if request.transport is not None:
        request.transport.abort()
    return response


WRONG: Final = (answer_500, answer_502, answer_429, answer_rubbish, answer_half)
