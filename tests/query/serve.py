"""
A process with an engine and the query door over it, for tests: a process can have one engine only.

    python -m tests.query.serve FOLDER [LIMITS as JSON]

Prints the port, then serves until its standard input ends.
"""

import asyncio
import json
import sys
from pathlib import Path

import chdb

from ingest.query_door import serve
from sinks.readonly import Limits

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


async def main(folder: Path, limits: Limits) -> None:
    """Serve until standard input ends."""
    path = folder / "engine"
    store = chdb.connect(str(path.resolve()))
    for statement in SCHEMA.split(";\n"):
        if statement.strip():
            store.query(statement)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), ended.set)
    async with serve(path, "127.0.0.1", 0, limits=limits) as port:
        sys.stdout.write(f"{port}\n")
        sys.stdout.flush()
        await ended.wait()
    store.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Limits(**json.loads(sys.argv[2]) if len(sys.argv) > 2 else {})))
