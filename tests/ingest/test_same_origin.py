"""Recognizing requests for another site's page, at a listener without users."""

import pytest
from aiohttp import web
from aiohttp.pytest_plugin import AiohttpServer

from ingest.same_origin import has_own_host
from tests.ingest.receiver.sockets import send


@pytest.mark.parametrize(
    ("target", "host", "answer"),
    [
        ("/", "127.0.0.1:8081", b"True"),
        ("http://127.0.0.1:8081/", "127.0.0.1:8081", b"True"),
        ("http://localhost/?x=1", "localhost", b"True"),
        ("http://[::1]:8081/", "[::1]:8081", b"True"),
        ("http://rebound.example/", "127.0.0.1:8081", b"False"),
        ("http://127.0.0.1@rebound.example/", "127.0.0.1", b"False"),
        ("http://127.0.0.1/", "rebound.example", b"False"),
        ("/", "rebound.example", b"False"),
        ("/", "", b"False"),
    ],
)
async def test_a_host_is_judged_wherever_it_is_named(
    aiohttp_server: AiohttpServer, target: str, host: str, answer: bytes
) -> None:
    """A request may name its host in its target, too: both that one and the Host header have to be this machine's."""

    async def judge(request: web.Request) -> web.Response:
        return web.Response(text=str(has_own_host(request)))

    app = web.Application()
    app.router.add_get("/", judge)
    server = await aiohttp_server(app)
    request = f"GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    assert await send(str(server.make_url("/")), request) == (200, answer)
