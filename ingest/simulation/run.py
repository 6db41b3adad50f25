"""One run of `dlrhub simulate`, from the options to the exit status."""

import asyncio
import secrets
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum
from typing import Final

import aiohttp
from rich.console import Console
from rich.progress import Progress

from ingest.connections.clickhouse import QueryLimits, StoreClient, StoreError, store_url
from ingest.settings.errors import InvalidSettingsError
from ingest.settings.settings import Settings
from ingest.simulation.audit import Audit
from ingest.simulation.dialects import DIALECTS
from ingest.simulation.ledger import Ledger
from ingest.simulation.plan import RUN_LENGTH
from ingest.simulation.send import TIMEOUT, CallbackSender, UnreachableError
from ingest.simulation.summary import callbacks_table, differences, store_table
from ingest.simulation.targets import Line, open_lines, receiver_url
from ingest.simulation.traffic import Mix, Schedule, Traffic

#: Columns of the tables where there is no terminal.
_WIDTH: Final = 100
_LIMITS: Final = QueryLimits(query_seconds=300, wait_seconds=300)
_ARRIVAL_SECONDS: Final = 5.0
_ARRIVAL_PAUSE_SECONDS: Final = 0.2


class Exit(IntEnum):
    """How a run ends."""

    STORED_ONCE = 0
    DIFFERENT = 1
    UNREACHABLE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """
    What a run is to be; what is empty comes from the settings.

    `per_second` 0 means as fast as possible. `failing` is the share of failed messages by provider. What the store
    lacks after it took nothing in for `wait_seconds` is lost.
    """

    per_second: float
    callbacks: int
    seed: int
    providers: tuple[str, ...] = ()
    url: str = ""
    query_url: str = ""
    account: str = ""
    secret: str = ""
    concurrency: int = 16
    wait_seconds: float = 30.0
    malformed: float = 0.01
    failing: Mapping[str, float] = field(default_factory=dict)


def read_shares(texts: Iterable[str]) -> dict[str, float]:
    """Read `provider=share` options; raises `InvalidSettingsError`."""
    return dict(_read_share(text) for text in texts)


def _read_share(text: str) -> tuple[str, float]:
    provider, _, share = text.partition("=")
    try:
        read = float(share)
    except ValueError:
        read = -1.0
    if provider not in DIALECTS or not 0 <= read <= 1:
        raise InvalidSettingsError(f"fail: {text!r} is not PROVIDER=SHARE, such as cm=0.5")
    return provider, read


def run_simulation(settings: Settings, options: Options) -> Exit:
    """Simulate, and tell on the standard output."""
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    return asyncio.run(simulate(settings, options, console))


async def simulate(settings: Settings, options: Options, console: Console) -> Exit:
    """Play the providers, compare, and tell; raises `InvalidSettingsError` where an option can't be used."""
    lines = open_lines(settings, providers=options.providers, account=options.account, secret=options.secret)
    run = secrets.token_hex(RUN_LENGTH // 2)
    traffic = _traffic(options, lines, run)
    gone: list[str] = []
    store = StoreClient(options.query_url or store_url(settings), settings.clickhouse.database, _LIMITS)
    with closing(Ledger()) as ledger:
        sender = CallbackSender(options.url or receiver_url(settings), lines, ledger)
        try:
            await _arrive(sender.url)
            gone = await _send(sender, traffic, options)
            console.print(callbacks_table(sender.sent))
            async with store:
                audit = Audit(store, ledger, list(lines.values()), run, traffic.messages)
                await audit.settle(options.wait_seconds)
                findings = [finding async for finding in audit.tallies()]
        except UnreachableError as error:
            return _end(console, Exit.UNREACHABLE, [_unreachable(sender.url, error)])
        except StoreError as error:
            return _end(console, Exit.UNREACHABLE, [*gone, f"the store can't be asked: {error}"])
    console.print(store_table(findings))
    return _verdict(console, gone, differences(sender.sent, findings))


def _traffic(options: Options, lines: Mapping[str, Line], run: str) -> Traffic:
    schedule = Schedule(
        run=run,
        started_at=datetime.now(UTC),
        callbacks=options.callbacks,
        seconds_between=1 / options.per_second if options.per_second else 0.0,
    )
    mix = Mix(malformed=options.malformed, failing=options.failing)
    return Traffic([line.dialect for line in lines.values()], mix, schedule, options.seed)


async def _send(sender: CallbackSender, traffic: Traffic, options: Options) -> list[str]:
    """Send everything; where the receiver went away, return words that say so."""
    try:
        with _progress(options.callbacks) as advance:
            await sender.send(traffic, per_second=options.per_second, concurrency=options.concurrency, advance=advance)
    except UnreachableError as error:
        return [_unreachable(sender.url, error)]
    return []


def _unreachable(url: str, error: UnreachableError) -> str:
    return f"the receiver at {url} can't be reached: {error}"


async def _arrive(url: str) -> None:
    """Return once the receiver answers, whatever it answers; raises `UnreachableError` after some seconds."""
    give_up_at = time.monotonic() + _ARRIVAL_SECONDS
    async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
        while True:
            try:
                async with session.get(url):
                    return
            except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                if time.monotonic() > give_up_at:
                    raise UnreachableError(str(error) or type(error).__name__) from error
            await asyncio.sleep(_ARRIVAL_PAUSE_SECONDS)


@contextmanager
def _progress(callbacks: int) -> Iterator[Callable[[], None]]:
    """Show a bar on a terminal, and nothing elsewhere."""
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("callbacks", total=callbacks)
        yield lambda: progress.advance(task)


def _verdict(console: Console, gone: list[str], different: list[str]) -> Exit:
    if different:
        return _end(console, Exit.DIFFERENT, [*gone, *different])
    if gone:
        return _end(console, Exit.UNREACHABLE, [*gone, "what it acknowledged before is stored once"])
    return _end(console, Exit.STORED_ONCE, ["everything acknowledged is stored once"])


def _end(console: Console, status: Exit, words: list[str]) -> Exit:
    for line in words:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return status
