"""A receiver on a free port over a real journal."""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web

from ingest.receiver.access import access_by_account
from ingest.receiver.server import Receiver, make_server
from ingest.settings.accounts import effective_accounts
from ingest.settings.settings import Settings
from sinks.journal.consumer import JournalConsumer
from sinks.journal.writer import Journal
from sinks.stream import Topic


@dataclass
class Post:
    """A running receiver, and what it has kept."""

    folder: Path
    url: str
    client: aiohttp.ClientSession
    journal: Journal

    async def __call__(self, path: str, body: bytes | str | None = None, **more: Any) -> tuple[int, bytes]:
        """Send a callback (POST where there is a body) and return its status and answer."""
        method = more.pop("method", "GET" if body is None else "POST")
        url = f"{self.url}/callbacks/{path}"
        data = body.encode() if isinstance(body, str) else body
        async with self.client.request(method, url, data=data, **more) as response:
            return response.status, await response.read()

    async def kept(self, topic: Topic) -> list[dict[str, Any]]:
        """Return the values of a topic that the journal holds."""
        consumer = JournalConsumer(self.folder)
        batch = await consumer.read(most=100_000, wait_seconds=0)
        await consumer.close()
        return [orjson.loads(record.value) for record in batch.records if record.topic is topic]


StartReceiver = Callable[..., Awaitable[Post]]


@pytest.fixture
async def start_receiver(tmp_path: Path) -> AsyncIterator[StartReceiver]:
    """Start receivers with settings of one's own."""
    started: list[tuple[web.ServerRunner, Post]] = []

    async def start(*, tls: ssl.SSLContext | None = None, **settings: Any) -> Post:
        given = Settings.model_validate({"data_dir": tmp_path, **settings})
        journal = Journal(tmp_path / f"{len(started)}")
        receiver = Receiver(access_by_account(effective_accounts(given)), journal, given.receiver)
        runner = web.ServerRunner(make_server(receiver, given.receiver, tls=tls))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        client = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20))
        post = Post(tmp_path, f"http://{host}:{port}", client, journal)
        started.append((runner, post))
        return post

    yield start
    for runner, post in started:
        await post.client.close()
        await runner.cleanup()
        await post.journal.close()


@pytest.fixture
async def post(start_receiver: StartReceiver) -> Post:
    """Start a receiver without settings: every provider's `default` is open."""
    return await start_receiver()
