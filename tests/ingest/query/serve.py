"""
A process with an engine and the query interface over it, for tests: a process can have one engine only.

    python -m tests.ingest.query.serve FOLDER [--writable] [LIMITS as JSON]

Prints the port, then serves until its standard input ends. `--writable` serves an empty engine that takes everything.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import chdb

from ingest.query.server import make_app, serve, serve_app
from sinks.clickhouse.readonly import Limits
from tests.ingest.query.writable import WritableEngine, answer_writing

SCHEMA = """
CREATE DATABASE dlr;
CREATE TABLE dlr.reports (
    provider LowCardinality(String), message_id String, status LowCardinality(String), reason Nullable(String),
    received_at DateTime64(3, 'UTC'), seen_at DateTime('UTC'), latency Float64, custom String, tags Array(String),
    bucket UInt64
) ENGINE = ReplacingMergeTree ORDER BY (provider, received_at, bucket) SAMPLE BY bucket;
INSERT INTO dlr.reports SELECT
    ['cm', 'juhe', 'santo'][number % 3 + 1], concat('m-', toString(number)), number % 5 ? 'delivered' : 'rejected',
    number % 5 ? NULL : 'throttled', toDateTime64('2026-01-01 00:00:00', 3, 'UTC') + number * 20,
    toDateTime('2026-01-01 00:00:00', 'UTC') + number * 20, number / 10, '{"order": {"id": 7}}', ['a', 'b'], number
FROM numbers(1000);
CREATE VIEW dlr.failures AS SELECT * FROM dlr.reports FINAL WHERE status = 'rejected'
    SETTINGS do_not_merge_across_partitions_select_final = 1;
CREATE VIEW dlr.of_provider AS SELECT * FROM dlr.reports WHERE provider = {name:String};
"""
#: The status with which the process ends where a query does not.
STUCK = 75
MOST_BYTES = 256 * 1024 * 1024


async def main(folder: Path, limits: Limits, *, writable: bool) -> None:
    """Serve until standard input ends."""
    path = folder / "engine"
    store = chdb.connect(str(path.resolve()))  # the store's own connection: the query server's stand beside it
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), ended.set)
    if not writable:
        for statement in SCHEMA.split(";\n"):
            store.query(statement)
    async with serve_writable(path) if writable else serving(path, limits) as port:
        sys.stdout.write(f"{port}\n")
        sys.stdout.flush()
        await ended.wait()
    store.close()


def serving(path: Path, limits: Limits) -> AbstractAsyncContextManager[int]:
    """Serve as the store process does."""
    return serve(path, "127.0.0.1", 0, limits=limits, on_stuck=lambda: os._exit(STUCK))


@asynccontextmanager
async def serve_writable(path: Path) -> AsyncIterator[int]:
    """Serve an engine that takes everything."""
    engine = WritableEngine(path)
    try:
        async with serve_app(make_app(engine, answer_writing, max_body_bytes=MOST_BYTES), "127.0.0.1", 0) as port:
            yield port
    finally:
        await engine.close()


if __name__ == "__main__":
    given = [argument for argument in sys.argv[2:] if argument.startswith("{")]
    asyncio.run(
        main(Path(sys.argv[1]), Limits(**json.loads(given[0]) if given else {}), writable="--writable" in sys.argv)
    )
