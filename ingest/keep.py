"""The store process: it alone opens the embedded engine, drains the journals into it, and serves the query door."""

import asyncio

from ingest.metrics import DrainMetrics
from ingest.process import say_ready
from ingest.query_door import serve
from ingest.settings import Settings, split_address
from sinks.drain import Drain
from sinks.journal import JournalConsumer
from sinks.migrate import migrate
from sinks.store import engine_path, open_embedded


async def keep(settings: Settings, stopping: asyncio.Event) -> None:
    """Drain and answer queries until `stopping` is set; then drain what is left."""
    folder = settings.data_dir / "store"
    store = await asyncio.to_thread(open_embedded, folder, settings.clickhouse.database)
    consumer = JournalConsumer(settings.data_dir / "journal")
    try:
        await asyncio.to_thread(migrate, store)
        drain = Drain(
            consumer,
            store,
            DrainMetrics(),
            batch_rows=settings.clickhouse.batch_rows,
            batch_seconds=settings.clickhouse.batch_ms / 1000,
        )
        host, port = split_address(settings.query.listen)
        async with serve(engine_path(folder), host, port, database=store.database), asyncio.TaskGroup() as tasks:
            tasks.create_task(drain.run())
            say_ready()
            await stopping.wait()
            drain.stop()
    finally:
        await consumer.close()
        store.close()
