"""A receiver that answers as a test says, and keeps what it was sent."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web

Answer = Callable[[web.BaseRequest, int], web.Response]


@asynccontextmanager
async def receiver(answer: Answer) -> AsyncIterator[tuple[str, list[tuple[str, bytes]]]]:
    """Answer the n-th request (from 1) by `answer`; yield the URL and what was received."""
    received: list[tuple[str, bytes]] = []

    async def handle(request: web.BaseRequest) -> web.Response:
        received.append((request.raw_path, await request.read()))
        return answer(request, len(received))

    runner = web.ServerRunner(web.Server(handle))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield site.name, received
    await runner.cleanup()
