"""Carries out one run of `dlrhub simulate`, from the options to the exit status."""

import asyncio
import secrets
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
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
from ingest.simulation.persistence import TIMEOUT, UnreachableError, persist
from ingest.simulation.plan import RUN_LENGTH
from ingest.simulation.send import CallbackSender
from ingest.simulation.submit import SubmissionSender
from ingest.simulation.summary import Exit, SimulationResult, differences, json_of, print_result
from ingest.simulation.targets import Target, admin_address, open_targets, receiver_url
from ingest.simulation.traffic import Mix, Schedule, Traffic

#: The width of the tables if the output is no terminal.
_WIDTH: Final = 100
_LIMITS: Final = QueryLimits(query_seconds=300, wait_seconds=300)
#: For how long the listeners are waited for at the start.
_START_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """
    The options of a run; empty ones come from the settings.

    `per_second` 0 means as fast as possible. `failing` is the share of failed messages by provider. Rows count as lost
    if the store still lacks them after it has gained no rows for `wait_seconds`. The providers' times are spread over
    the last `days`. With `submits`, submissions are posted to `admin_url` before the messages are reported on.
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
    days: float = 0.0
    submits: bool = True
    admin_url: str = ""


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


def run_simulation(settings: Settings, options: Options, *, as_json: bool = False) -> Exit:
    """Run a simulation and print its result; raises `InvalidSettingsError` if an option can't be used."""
    result = asyncio.run(simulate(settings, options))
    if as_json:
        sys.stdout.write(json_of(result).decode() + "\n")
    else:
        print_result(result, Console(width=None if sys.stdout.isatty() else _WIDTH))
    return result.status


async def simulate(settings: Settings, options: Options) -> SimulationResult:
    """Post the traffic and compare the store with it; raises `InvalidSettingsError` if an option can't be used."""
    targets = open_targets(settings, providers=options.providers, account=options.account, secret=options.secret)
    run = secrets.token_hex(RUN_LENGTH // 2)
    traffic = _traffic(options, targets, run)
    with closing(Ledger()) as ledger:
        sender = _sender(settings, options, targets, ledger)
        gone: list[str] = []
        result = SimulationResult(Exit.UNREACHABLE, sender.sent, days=options.days)
        try:
            await _wait_for_listeners(sender)
            gone = await _send(sender, traffic, options)
            result.submitted = sender.submissions.sent if sender.submissions else None
            async with StoreClient(
                options.query_url or store_url(settings), settings.clickhouse.database, _LIMITS
            ) as store:
                audit = Audit(store, ledger, list(targets.values()), run, traffic.messages)
                await audit.settle(options.wait_seconds)
                result.findings = [finding async for finding in audit.tallies()]
        except UnreachableError as error:
            result.words = [str(error)]
            return result
        except StoreError as error:
            result.words = [*gone, f"the store can't be asked: {error}"]
            return result
    result.status, result.words = _verdict(gone, differences(result))
    return result


def _sender(settings: Settings, options: Options, targets: Mapping[str, Target], ledger: Ledger) -> CallbackSender:
    admin, token = admin_address(settings)
    submissions = SubmissionSender(options.admin_url.rstrip("/") or admin, token) if options.submits else None
    return CallbackSender(options.url or receiver_url(settings), targets, ledger, submissions)


def _traffic(options: Options, targets: Mapping[str, Target], run: str) -> Traffic:
    schedule = Schedule(
        run=run,
        started_at=datetime.now(UTC),
        callbacks=options.callbacks,
        seconds_between=1 / options.per_second if options.per_second else 0.0,
        spread=timedelta(days=options.days),
    )
    mix = Mix(malformed=options.malformed, failing=options.failing)
    return Traffic([target.dialect for target in targets.values()], mix, schedule, options.seed)


async def _send(sender: CallbackSender, traffic: Traffic, options: Options) -> list[str]:
    """Send everything; if dlrhub can't be reached any more, return a text that says so."""
    try:
        with _progress(options.callbacks) as advance:
            await sender.send(traffic, per_second=options.per_second, concurrency=options.concurrency, advance=advance)
    except UnreachableError as error:
        return [str(error)]
    return []


async def _wait_for_listeners(sender: CallbackSender) -> None:
    """Wait until the receiver and, if needed, the admin listener answer; raises `UnreachableError` after 5 s."""
    async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
        await persist(session, f"the receiver at {sender.url}", "GET", sender.url, patience_seconds=_START_SECONDS)
        if sender.submissions is None:
            return
        admin = sender.submissions.url
        name = f"the admin listener at {admin} (--no-submit does without it)"
        await persist(session, name, "GET", admin, patience_seconds=_START_SECONDS)


@contextmanager
def _progress(callbacks: int) -> Iterator[Callable[[], None]]:
    """Show a progress bar if standard error is a terminal; yields the function that advances it."""
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("callbacks", total=callbacks)
        yield lambda: progress.advance(task)


def _verdict(gone: list[str], different: list[str]) -> tuple[Exit, list[str]]:
    if different:
        return Exit.DIFFERENT, [*gone, *different]
    if gone:
        return Exit.UNREACHABLE, [*gone, "what it acknowledged before is stored once"]
    return Exit.STORED_ONCE, ["everything acknowledged is stored once"]
