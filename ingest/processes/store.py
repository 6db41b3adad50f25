"""The store process: it drains the stream into the store, and serves the query interface of an embedded one."""

import asyncio
import os
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import structlog

from ingest.admin.submissions import complete
from ingest.background import in_background
from ingest.backup.snapshot import drop_snapshot, take_snapshot
from ingest.connections.stores import store_folder, wait_for_store
from ingest.connections.streams import journals, open_consumer
from ingest.control.server import Command
from ingest.control.server import serve as serve_commands
from ingest.erasure.store import ERASE, erase_command
from ingest.metrics.catalogue import DRAIN_STALLED, STORE_DAMAGED, DrainMetrics
from ingest.processes.child import say_ready
from ingest.settings.accounts import effective_accounts
from ingest.settings.settings import Settings
from ingest.settings.values import split_address
from sinks.clickhouse.memory import query_bytes
from sinks.clickhouse.store import Store, connect_again, engine_path
from sinks.drain import Drain
from sinks.journal.consumer import JournalConsumer
from sinks.stream import Consumer, Topic

if TYPE_CHECKING:
    from sinks.clickhouse.parts import Part

_log = structlog.get_logger(__name__)

#: The exit status after a query that could not be ended (sysexits.h: EX_TEMPFAIL).
_STUCK: Final = 75


async def drain_and_serve(settings: Settings, stopping: asyncio.Event) -> None:
    """
    Drain, and answer queries if the store is embedded, until `stopping` is set.

    Before it stops, it drains the records that are left in journals; Kafka keeps its records.
    """
    store = await wait_for_store(settings, stopping)
    if store is None:
        return
    async with AsyncExitStack() as ending:
        ending.callback(store.close)
        engine = engine_path(store_folder(settings.data_dir))
        if settings.clickhouse.url is None:
            await ending.enter_async_context(_query_interface(settings, engine))
            await ending.enter_async_context(in_background(_check_parts(engine)))
        if settings.kafka is not None:
            await _drain_journals(settings, store)
        consumer = await open_consumer(settings.data_dir, settings.kafka)
        ending.push_async_callback(consumer.close)
        drain = _drain(settings, store, consumer)
        if settings.clickhouse.url is None:
            commands = _commands(settings.data_dir, store, drain)
            await ending.enter_async_context(serve_commands(settings.data_dir, commands))
        await ending.enter_async_context(in_background(_measure_stall(drain)))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(drain.run())
            say_ready()
            await stopping.wait()
            drain.stop()


async def _measure_stall(drain: Drain) -> None:
    """Keep the metric up to date, even while the drain waits."""
    while True:
        DRAIN_STALLED.set(drain.stalled_seconds)
        await asyncio.sleep(1)


def _query_interface(settings: Settings, engine: Path) -> AbstractAsyncContextManager[int]:
    from ingest.query.server import serve  # noqa: PLC0415 - needs the embedded engine
    from sinks.clickhouse.readonly import Limits  # noqa: PLC0415

    chosen = settings.clickhouse
    limits = Limits(memory_bytes=query_bytes(chosen.memory_mb))
    address = split_address(settings.query.listen)
    return serve(engine, *address, database=chosen.database, limits=limits, on_stuck=_end_process)


async def _check_parts(engine: Path) -> None:
    from sinks.clickhouse.parts import PartChecker  # noqa: PLC0415 - needs the embedded engine

    await PartChecker(engine, _log_damage, STORE_DAMAGED.set).run()


def _log_damage(part: "Part", fault: str) -> None:
    _log.error("a part of the store can't be read", table=f"{part.database}.{part.table}", part=part.name, fault=fault)


def _end_process() -> None:
    """
    End this process to end a query that ignores KILL QUERY; the supervisor starts the process again.

    Nothing is lost: rows that the store did not confirm are drained again.
    """
    _log.error("a query does not end although it was killed: the store process ends, and is started again")
    os._exit(_STUCK)


def _commands(data_dir: Path, store: Store, drain: Drain) -> Mapping[str, Command]:
    """Return the commands that the command line may send to this process."""
    folder = store_folder(data_dir)
    engine = engine_path(folder)

    async def take(_: Mapping[str, Any]) -> Mapping[str, Any]:
        async with drain.storing:
            taken = await asyncio.to_thread(take_snapshot, store, engine, data_dir)
        found: dict[str, Any] = msgspec.to_builtins(taken, enc_hook=str)
        return found

    async def drop(_: Mapping[str, Any]) -> Mapping[str, Any]:
        await asyncio.to_thread(drop_snapshot, engine, data_dir)
        return {}

    erase = erase_command(lambda: connect_again(folder, store.database))
    return {"take_snapshot": take, "drop_snapshot": drop, ERASE: erase}


async def _drain_journals(settings: Settings, store: Store) -> None:
    """Drain this machine's journals to their end, except those that a receiver publishes to Kafka."""
    consumer = JournalConsumer(journals(settings.data_dir))
    drain = _drain(settings, store, consumer)
    drain.stop()
    await drain.run()
    await consumer.close()


def _drain(settings: Settings, store: Store, consumer: Consumer) -> Drain:
    return Drain(
        consumer,
        store,
        DrainMetrics(),
        batch_rows=settings.clickhouse.batch_rows,
        batch_seconds=settings.clickhouse.batch_ms / 1000,
        to_the_end=isinstance(consumer, JournalConsumer),
        complete={Topic.SUBMISSIONS: complete(effective_accounts(settings))},
    )
