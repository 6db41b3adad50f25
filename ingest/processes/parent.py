"""The parents: which processes `dlrhub run`, `ingest` and `drain` consist of, and the admin listener beside them."""

import asyncio
import fcntl
import signal
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp
import structlog
from aiohttp import web

from ingest.admin.server import Admin, Check, make_app
from ingest.admin.submissions import SubmissionsEndpoint
from ingest.metrics import catalogue
from ingest.metrics.series import Totals
from ingest.page.api import Page
from ingest.processes.supervisor import Child, supervise
from ingest.settings.accounts import effective_accounts
from ingest.settings.errors import InvalidSettingsError
from ingest.settings.settings import Settings
from ingest.settings.values import split_address

_log = structlog.get_logger(__name__)

_RECEIVER_STOP_SECONDS: Final = 5.0
_POLLER_STOP_SECONDS: Final = 5.0
_STORE_STOP_SECONDS: Final = 4.0
_CHECK_SECONDS: Final = 2.0


@dataclass(frozen=True)
class Parts:
    """Which parts one command runs."""

    command: str
    receivers: bool = False
    store: bool = False
    poller: bool = False


async def run(settings: Settings, parts: Parts, config: Path | None) -> None:
    """
    Run the parts until SIGTERM or SIGINT, then stop within ten seconds.

    Raises `InvalidSettingsError` where another dlrhub works on the same data, and `UnusableError` where a process
    can't work with the settings.
    """
    stopping = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stopping.set)
    with _only_one(settings.data_dir, parts):
        totals = Totals(catalogue.ALL)
        totals.update("settings", catalogue.zeros([account.key for account in effective_accounts(settings)]))
        stages = _stages(settings, parts, config, totals)
        submissions = SubmissionsEndpoint(settings, f"admin-{parts.command}")
        checks = _checks(settings, parts, stages)
        app = make_app(Admin(checks, totals), settings.admin)
        app.router.add_post("/submissions", submissions.post)
        Page(settings, checks, totals, has_store=parts.store or settings.clickhouse.url is not None).add_to(app)
        try:
            async with _serve(app, settings.admin.listen):
                announcing = asyncio.create_task(_announce(settings, parts, stages))
                await supervise(stages, stopping)
                announcing.cancel()
        finally:
            await submissions.close()


def _stages(settings: Settings, parts: Parts, config: Path | None, totals: Totals) -> Sequence[Sequence[Child]]:
    def child(name: str, *arguments: str, stop_seconds: float) -> Child:
        common = ("--config", str(config)) if config else ()
        return Child(name, (*arguments, *common), stop_seconds, totals)

    receivers = [
        child(f"receiver-{index}", "receiver-process", str(index), stop_seconds=_RECEIVER_STOP_SECONDS)
        for index in range(settings.receiver.workers if parts.receivers else 0)
    ]
    pollers = [child("poller", "poller-process", stop_seconds=_POLLER_STOP_SECONDS)] if parts.poller else []
    store = [child("store", "store-process", stop_seconds=_STORE_STOP_SECONDS)] if parts.store else []
    return [[*receivers, *pollers], store]


def _checks(settings: Settings, parts: Parts, stages: Sequence[Sequence[Child]]) -> Mapping[str, Check]:
    checks: dict[str, Check] = {child.name: _started(child) for stage in stages for child in stage}
    if parts.store and settings.clickhouse.url is None:
        checks["query"] = _answers(f"http://{settings.query.listen}/?query=SELECT%201")
    elif parts.store:
        checks["clickhouse"] = _answers(settings.clickhouse.ping_url)
    return checks


def _started(child: Child) -> Check:
    async def check() -> str:
        return "" if child.ready.is_set() else "not started"

    return check


def _answers(url: str) -> Check:
    async def check() -> str:
        try:
            timeout = aiohttp.ClientTimeout(total=_CHECK_SECONDS)
            # Whether the certificate is right is seen with the first insert: here nothing is told.
            async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url, ssl=False) as response:
                return "" if response.ok else f"answers {response.status}"
        except (aiohttp.ClientError, TimeoutError) as error:
            return type(error).__name__

    return check


async def _announce(settings: Settings, parts: Parts, stages: Sequence[Sequence[Child]]) -> None:
    await asyncio.gather(*(child.ready.wait() for stage in stages for child in stage))
    doors = {"admin": settings.admin.listen}
    if parts.receivers:
        doors["receiver"] = settings.receiver_listen
    if parts.store and settings.clickhouse.url is None:
        doors["query"] = settings.query.listen
    _log.info("dlrhub is ready", **doors, data=str(settings.data_dir))


@asynccontextmanager
async def _serve(app: web.Application, address: str) -> AsyncIterator[None]:
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    host, port = split_address(address)
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise InvalidSettingsError(f"admin.listen: {address} can't be used: {error.strerror}") from error
        yield
    finally:
        await runner.cleanup()


@contextmanager
def _only_one(data_dir: Path, parts: Parts) -> Iterator[None]:
    """Hold the locks of the parts, so that no two dlrhubs write the same journals or open the same store."""
    data_dir.mkdir(parents=True, exist_ok=True)
    all_parts = (("receivers", parts.receivers), ("poller", parts.poller), ("store", parts.store))
    names = [name for name, wanted in all_parts if wanted]
    with ExitStack() as locks:
        for name in names:
            lock = locks.enter_context((data_dir / f"{name}.lock").open("w", encoding="ascii"))
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InvalidSettingsError(f"data_dir: another dlrhub works in {data_dir}") from None
        yield
