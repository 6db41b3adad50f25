"""The poller process: asks the providers of every account with `poll`."""

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from functools import partial
from typing import Final

import structlog

from ingest.background import in_background
from ingest.connections.clickhouse import open_client
from ingest.connections.streams import open_producer
from ingest.metrics import catalogue
from ingest.polling.account import polled_accounts
from ingest.polling.by_message import MessagePoller, ReadPage
from ingest.polling.client import ProviderClient
from ingest.polling.mailbox import MailboxPoller
from ingest.polling.state import PollState
from ingest.processes.child import say_ready
from ingest.settings.accounts import effective_accounts
from ingest.settings.settings import Settings
from normalizers.polling import Balance
from sinks.clickhouse.pending import read_page
from sinks.stream import Producer

_log = structlog.get_logger(__name__)

Task = Callable[[], Awaitable[None]]

_AFTER_A_FAULT_SECONDS: Final = 60.0


async def poll(settings: Settings, stopping: asyncio.Event) -> None:
    """Poll until `stopping` is set; then finish the requests in progress."""
    async with AsyncExitStack() as ending:
        state = PollState(settings.data_dir / "poll.db")
        ending.callback(state.close)
        producer = await open_producer(settings.data_dir, settings.kafka, "poller")
        ending.push_async_callback(producer.close)
        store = await ending.enter_async_context(open_client(settings))
        repeated = []
        for account in polled_accounts(effective_accounts(settings)):
            client = ProviderClient(account)
            ending.push_async_callback(client.close)
            for seconds, task in _tasks(client, state, producer, partial(read_page, store.rows)):
                repeated.append(_repeat(seconds, task))
        async with in_background(*repeated):
            say_ready()
            await stopping.wait()


def _tasks(
    client: ProviderClient, state: PollState, producer: Producer, read: ReadPage
) -> Iterator[tuple[float, Task]]:
    """Yield each periodic task for an account, with its interval in seconds."""
    account = client.account
    settings, poll = account.settings, account.poll
    if poll.mailbox:
        yield settings.every_s, MailboxPoller(client, state, producer).ask_all
    if poll.by_message is not None:
        yield settings.every_s, MessagePoller(client, poll.by_message, state, producer, read).tick
    if poll.balance is not None and settings.balance:
        yield settings.balance_every_s, partial(_ask_balance, client, poll.balance)


async def _ask_balance(client: ProviderClient, balance: Balance) -> None:
    account = client.account
    answer = await client.ask("balance", lambda: balance.request(account.asking()), balance.read)
    if answer.value is not None:
        catalogue.BALANCE.set(answer.value, account.provider, account.name)


async def _repeat(seconds: float, task: Task) -> None:
    """Run a task every so many seconds; after an unexpected exception, log it and pause."""
    clock = asyncio.get_running_loop().time
    while True:
        started = clock()
        try:
            await task()
        except Exception as error:  # noqa: BLE001 - an error of one account must not stop the others
            # The text of the error may hold a phone number, so only its type and place are logged.
            place = traceback.extract_tb(error.__traceback__)[-1]
            _log.error("a poll failed", error=type(error).__name__, at=f"{place.name}:{place.lineno}")
            await asyncio.sleep(_AFTER_A_FAULT_SECONDS)
        await asyncio.sleep(max(0.0, started + seconds - clock()))
