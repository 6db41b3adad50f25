"""The reference: a bare aiohttp handler that reads the body and answers OK, on the loop that dlrhub uses."""

import sys

import uvloop
from aiohttp import web


async def answer(request: web.Request) -> web.Response:
    """Read the body, answer OK."""
    await request.read()
    return web.Response(text="OK")


app = web.Application()
app.router.add_route("*", "/{path:.*}", answer)
web.run_app(
    app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=lambda *_: None, loop=uvloop.new_event_loop()
)
