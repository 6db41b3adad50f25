"""The parent: starts the processes of `run`, `ingest`, `drain` and `poll`, and serves the admin listener."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import aiohttp
import structlog
from aiohttp import web

from ingest.admin.server import Admin, Check, make_app, serve_app
from ingest.background import in_background
from ingest.backup.restoring import refuse_unfinished
from ingest.connections.data_dir import locked
from ingest.connections.ports import require_free, reserve
from ingest.connections.stores import require_embedded, store_folder
from ingest.connections.streams import LateProducer, journals, lag_sources, open_producer, refuse_old_data
from ingest.connections.tls import server_context
from ingest.metrics import catalogue
from ingest.metrics.disk import DiskMeter
from ingest.metrics.folders import FolderWatch
from ingest.metrics.lag import LagMeter
from ingest.metrics.series import Totals
from ingest.processes.admin import make_page, make_submissions
from ingest.processes.supervisor import Child, supervise
from ingest.settings.accounts import effective_accounts
from ingest.settings.settings import Settings
from ingest.settings.values import http_url, split_address
from sinks.clickhouse.urls import ping_url

_log = structlog.get_logger(__name__)

_RECEIVER_STOP_SECONDS: Final = 5.0
_POLLER_STOP_SECONDS: Final = 5.0
_STORE_STOP_SECONDS: Final = 4.0
_CHECK_SECONDS: Final = 2.0
_OWN_SECONDS: Final = 1.0


@dataclass(frozen=True)
class Parts:
    """The parts that a command runs."""

    command: str
    receivers: bool = False
    store: bool = False
    poller: bool = False


async def run(settings: Settings, parts: Parts, config: Path | None) -> None:
    """
    Run the parts until SIGTERM or SIGINT, then stop within ten seconds.

    Raises `InvalidSettingsError` if an address or the data is in use or can't be used, and `UnusableError` if a
    process can't work with the settings.
    """
    stopping = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, _stop, signum, stopping)
    with _reserved(settings, parts):
        totals = _totals(settings)
        stages = _stages(settings.receiver.workers, parts, config, totals)
        meter = LagMeter(totals, drains=parts.store)
        store = store_folder(settings.data_dir) if parts.store and settings.clickhouse.url is None else None
        disk = DiskMeter(settings.data_dir, FolderWatch(settings.data_dir, journals(settings.data_dir), store), totals)
        disk.measure()  # before the first process makes a folder that is missing
        checks = _checks(settings, parts, stages, totals, meter=meter, disk=disk)
        producer = LateProducer(lambda: open_producer(settings.data_dir, settings.kafka, f"admin-{parts.command}"))
        app = make_app(Admin(checks, totals), settings.admin)
        app.router.add_post("/submissions", make_submissions(settings, producer).post)
        has_store = parts.store or settings.clickhouse.url is not None
        make_page(settings, producer, checks, totals, has_store=has_store).add_to(app)
        try:
            async with (
                _serve(app, settings.admin.listen),
                in_background(
                    _announce(settings, parts, stages), _measure_lag(settings, meter), disk.run(), _count_own(totals)
                ),
            ):
                await supervise(stages, stopping)
            _log.info("dlrhub has stopped")
        finally:
            await producer.close()


def _totals(settings: Settings) -> Totals:
    """Return the metrics of all processes, in which every counter of every account begins at 0."""
    totals = Totals(catalogue.ALL)
    totals.update("settings", catalogue.zeros([account.key for account in effective_accounts(settings)]))
    totals.update("build", catalogue.build_info())
    return totals


async def _count_own(totals: Totals) -> None:
    """Add this process' own metrics to the totals: the admin listener's connections, and the spill of submissions."""
    while True:
        totals.update("parent", catalogue.take_snapshot())
        await asyncio.sleep(_OWN_SECONDS)


async def _measure_lag(settings: Settings, meter: LagMeter) -> None:
    async with lag_sources(settings.data_dir, settings.kafka) as sources:
        await meter.run(sources)


def _stop(signum: int, stopping: asyncio.Event) -> None:
    if not stopping.is_set():
        _log.info("stopping within ten seconds: received reports are being stored", signal=signal.Signals(signum).name)
    stopping.set()


@contextmanager
def _reserved(settings: Settings, parts: Parts) -> Iterator[None]:
    """Reserve the data folder and the receiver's address for these processes; raises `InvalidSettingsError`."""
    refuse_old_data(settings.data_dir)
    refuse_unfinished(settings.data_dir)
    held = {"receivers": parts.receivers, "poller": parts.poller, "store": parts.store}
    with ExitStack() as holding:
        holding.enter_context(locked(settings.data_dir, [name for name, wanted in held.items() if wanted]))
        if parts.store and settings.clickhouse.url is None:
            require_embedded()
            require_free("query.listen", settings.query.listen)
        if parts.receivers:
            tls = settings.receiver
            server_context(tls.tls_cert, tls.tls_key, tls.tls_client_ca)
            holding.enter_context(reserve("receiver.listen", settings.receiver_listen))
        yield


def _stages(workers: int, parts: Parts, config: Path | None, totals: Totals) -> Sequence[Sequence[Child]]:
    def child(name: str, stop_seconds: float) -> Child:
        arguments = ("child", name, *(("--config", str(config)) if config else ()))
        return Child(name, arguments, stop_seconds, totals)

    receivers = range(workers) if parts.receivers else ()
    first = [child(f"receiver-{index}", _RECEIVER_STOP_SECONDS) for index in receivers]
    first += [child("poller", _POLLER_STOP_SECONDS)] if parts.poller else []
    return [first, [child("store", _STORE_STOP_SECONDS)] if parts.store else []]


def _checks(
    settings: Settings,
    parts: Parts,
    stages: Sequence[Sequence[Child]],
    totals: Totals,
    *,
    meter: LagMeter,
    disk: DiskMeter,
) -> Mapping[str, Check]:
    """Return the checks of `/readyz` by their names."""
    checks: dict[str, Check] = {child.name: partial(_call, child.fault) for stage in stages for child in stage}
    if parts.store:
        checks["drain"] = partial(_call, meter.fault)
    if parts.store and settings.clickhouse.url is None:
        checks["parts"] = partial(_damaged_parts, totals)
        checks["query"] = partial(_ask, [f"http://{settings.query.listen}/?query=SELECT%201"])
    elif parts.store:
        checks["clickhouse"] = partial(_ask, [ping_url(server) for server in settings.clickhouse.servers])
    return {**checks, "disk": partial(_call, disk.fault)}


async def _call(fault: Callable[[], str]) -> str:
    return fault()


async def _damaged_parts(totals: Totals) -> str:
    damaged = int(totals.sum_of(catalogue.STORE_DAMAGED))
    return f"{damaged} of the store's parts can't be read; the log names them" if damaged else ""


async def _ask(urls: Sequence[str]) -> str:
    """Return an empty text if any of the URLs answers, else the fault of each."""
    faults = await asyncio.gather(*map(_ask_one, urls))
    return "" if "" in faults else "; ".join(faults)


async def _ask_one(url: str) -> str:
    try:
        timeout = aiohttp.ClientTimeout(total=_CHECK_SECONDS)
        # No secret is sent here, so the certificate is not checked; the first insert checks it.
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url, ssl=False) as response:
            return "" if response.ok else f"answers {response.status}"
    except (aiohttp.ClientError, TimeoutError) as error:
        return type(error).__name__


async def _announce(settings: Settings, parts: Parts, stages: Sequence[Sequence[Child]]) -> None:
    """Log the addresses once every child is ready."""
    await asyncio.gather(*(child.ready.wait() for stage in stages for child in stage))
    urls = {"status_page": f"{http_url(settings.admin.listen)}/"}
    if parts.receivers:
        scheme = "https" if settings.receiver.tls_cert else "http"
        urls["callbacks"] = f"{http_url(settings.receiver_listen, scheme)}/callbacks/<provider>"
    if parts.store and settings.clickhouse.url is None:
        urls["sql"] = f"{http_url(settings.query.listen)}/"
    _log.info("dlrhub is ready", **urls, data=str(settings.data_dir))


@asynccontextmanager
async def _serve(app: web.Application, address: str) -> AsyncIterator[None]:
    require_free("admin.listen", address)
    async with serve_app(app, *split_address(address)):
        yield
