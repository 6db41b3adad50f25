"""A receiver process, one of `--workers`: it has a journal of its own, and shares its port with the others."""

import asyncio
import gc
import resource
from typing import Final

from aiohttp import web

from ingest.background import in_background
from ingest.connections.streams import open_producer
from ingest.connections.tls import Certificates
from ingest.http_server.serving import serve
from ingest.processes.child import say_ready
from ingest.receiver.access import access_by_account
from ingest.receiver.server import Receiver, make_server
from ingest.settings.accounts import effective_accounts
from ingest.settings.settings import Settings
from ingest.settings.values import split_address

_SHUTDOWN_SECONDS: Final = 4.0
_BACKLOG: Final = 1024
_MOST_FILES: Final = 65_536
#: Files that a receiver opens for other things than connections: the journal, Kafka, logs, libraries.
_OTHER_FILES: Final = 256


async def receive(settings: Settings, name: str, stopping: asyncio.Event) -> None:
    """Receive until `stopping` is set, then finish the requests in progress; the journal has the process' `name`."""
    chosen = settings.receiver
    certificates = Certificates(chosen.tls_cert, chosen.tls_key, chosen.tls_client_ca)
    producer = await open_producer(settings.data_dir, settings.kafka, name)
    accesses = access_by_account(effective_accounts(settings), workers=settings.receiver.workers)
    receiver = Receiver(accesses, producer, settings.receiver)
    server = make_server(receiver, settings.receiver, tls=certificates.context, most_connections=_raise_file_limit())
    runner = web.ServerRunner(server, shutdown_timeout=_SHUTDOWN_SECONDS)
    address = split_address(settings.receiver_listen)
    try:
        listening = serve(runner, *address, reuse_port=True, backlog=_BACKLOG)
        async with listening, in_background(certificates.watch()):
            gc.freeze()  # the garbage collector need not look again at the objects that exist now
            say_ready()
            await stopping.wait()
    finally:
        await producer.close()


def _raise_file_limit() -> int:
    """Raise the limit of open files as far as the system allows; return how many connections that leaves room for."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_FILES if most == resource.RLIM_INFINITY else min(most, _MOST_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
    return max(wanted - _OTHER_FILES, wanted // 2)
