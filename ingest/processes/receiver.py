"""The receiver process: one of `--workers`, with a journal or a spill of its own, on a port that all of them share."""

import asyncio
import gc

from aiohttp import web

from ingest.connections.streams import open_producer
from ingest.connections.tls import server_context
from ingest.processes.child import say_ready
from ingest.receiver.access import access_by_account
from ingest.receiver.server import Receiver, make_server
from ingest.settings.accounts import effective_accounts
from ingest.settings.settings import Settings
from ingest.settings.values import split_address

_SHUTDOWN_SECONDS = 4.0


async def receive(settings: Settings, index: int, stopping: asyncio.Event) -> None:
    """
    Receive until `stopping` is set; then stop accepting, finish what is in flight, and flush.

    `index` tells this worker's journal from the others'.
    """
    chosen = settings.receiver
    tls = server_context(chosen.tls_cert, chosen.tls_key, chosen.tls_client_ca)
    producer = await open_producer(settings, f"receiver-{index}")
    receiver = Receiver(access_by_account(effective_accounts(settings)), producer, settings.receiver)
    runner = web.ServerRunner(make_server(receiver, settings.receiver), shutdown_timeout=_SHUTDOWN_SECONDS)
    await runner.setup()
    host, port = split_address(settings.receiver_listen)
    site = web.TCPSite(runner, host, port, reuse_port=True, backlog=1024, ssl_context=tls)
    try:
        await site.start()
        gc.freeze()  # what is there now stays: the collector need not look at it again
        say_ready()
        await stopping.wait()
    finally:
        await runner.cleanup()
        await producer.close()
