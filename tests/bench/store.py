"""
How the store answers as it grows: every documented question and every one of the page, at several sizes.

    python -m tests.bench store [--rows 100000 1000000 10000000] [--days 30]

Prints, for each question, CPU seconds, wall seconds, bytes read and how far the memory of the process grew (Linux), at two
threads and at most 512 MiB of memory; CPU microseconds a row of filling beside those of a plain MergeTree table without
any deduplication; and bytes on disk.
"""

import argparse
import resource
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from ingest.page import queries
from ingest.page.period import Period
from sinks.clickhouse.migrate import migrate
from sinks.clickhouse.readonly import Connection
from sinks.clickhouse.store import Store, engine_path, open_embedded
from tests.bench.filling import Filler

_QUERIES: Final = Path(__file__).parents[2] / "deploy" / "queries"
_SETTINGS: Final = {"max_threads": 2, "max_memory_usage": 512 * 1024**2}
_PAGE: Final = ("ACCOUNTS", "PASTS", "PLOT", "CODES", "COUNTRIES", "FAILURES")
_ASKED: Final = {
    "reports by status, 15 min": "SELECT status, count() FROM dlr.reports WHERE received_at >= now() - INTERVAL 15 MINUTE GROUP BY status",
    "reports by status, 1 d": "SELECT status, count() FROM dlr.reports WHERE received_at >= now() - INTERVAL 1 DAY GROUP BY status",
    "reports by status, 30 d": "SELECT status, count() FROM dlr.reports WHERE received_at >= now() - INTERVAL 30 DAY GROUP BY status",
    "stats, 1 h": "SELECT status, sum(reports) FROM dlr.stats WHERE minute >= now() - INTERVAL 1 HOUR GROUP BY status",
    "reports by recipient": "SELECT * FROM dlr.reports WHERE recipient = '+8613800007919'",
    "reports by reference": "SELECT * FROM dlr.reports WHERE reference = 'ref-1'",
    "reports by message_id": "SELECT * FROM dlr.reports WHERE message_id = lower(substring(hex(MD5('1')), 1, 16))",
    "messages by message_id": "SELECT * FROM dlr.messages WHERE message_id = lower(substring(hex(MD5('1')), 1, 16))",
    "messages by country, 1 d": "SELECT country, countIf(status = 'delivered') / countIf(final) FROM dlr.messages WHERE first_received_at >= now() - INTERVAL 1 DAY GROUP BY country",
    "messages by country, 30 d": "SELECT country, countIf(status = 'delivered') / countIf(final) FROM dlr.messages WHERE first_received_at >= now() - INTERVAL 30 DAY GROUP BY country",
    "missing, 7 d": "SELECT sum(missing_reports) FROM dlr.missing WHERE hour >= now() - INTERVAL 7 DAY",
    "country_returns": "SELECT * FROM dlr.country_returns",
    "plain MergeTree by status, 1 d": "SELECT status, count() FROM dlr_store.plain WHERE received_at >= now() - INTERVAL 1 DAY GROUP BY status",
    "plain MergeTree by status, 30 d": "SELECT status, count() FROM dlr_store.plain WHERE received_at >= now() - INTERVAL 30 DAY GROUP BY status",
}


def main(arguments: Sequence[str]) -> None:
    """Measure each size, and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench store")
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000, 10_000_000])
    parser.add_argument("--days", type=int, default=30, help="days over which the rows are spread")
    parser.add_argument("--folder", type=Path)
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        store = open_embedded(Path(folder))
        for rows in chosen.rows:
            measure(store, rows, chosen.days, engine_path(Path(folder)))
            for database in (store.database, store.internal):
                store.client.command(f"DROP DATABASE {database}")
        store.close()


def measure(store: Store, rows: int, days: int, path: Path) -> None:
    """Fill a store with so many rows, ask every question, and print what it took."""
    migrate(store)
    began = _cpu_seconds()
    Filler(store, rows, days).fill()
    filling = _cpu_seconds() - began
    stored = int(
        str(
            store.client.command(
                f"SELECT sum(rows) FROM system.parts WHERE active AND database = '{store.internal}' AND table = 'reports'"
            )
        )
    )
    began = _cpu_seconds()
    store.client.command(
        f"CREATE TABLE {store.internal}.plain ENGINE = MergeTree ORDER BY received_at AS SELECT * FROM {store.internal}.reports"
    )
    plain = _cpu_seconds() - began
    print(
        f"\n{rows} rows: {1e6 * filling / stored:.1f} CPU us a row to fill (plain MergeTree {1e6 * plain / stored:.1f})"
    )
    _settle(store)
    for table, count, parts, size in store.client.query(
        "SELECT table, sum(rows), count(), sum(bytes_on_disk) FROM system.parts"
        f" WHERE active AND database = '{store.internal}' GROUP BY table ORDER BY table"
    ).result_rows:
        print(f"  {table:20} {count:10} rows {parts:5} parts {size / stored:7.1f} bytes a report")
    connection = Connection(str(path.resolve()), "bench", _SETTINGS)
    connection.query(f"USE {store.database}")
    for name, sql, parameters in _questions():
        print(f"  {name:34} {_ask(connection, sql, parameters)}", flush=True)
    connection.close()
    store.client.command("SYSTEM START MERGES")


def _settle(store: Store) -> None:
    """Merge partitions that have been quiet for a week, as the engine does an hour after the last insert."""
    for table in ("reports", "messages", "submissions"):
        quiet = store.client.query(
            "SELECT DISTINCT toRelativeDayNum(today() - number) % 32 FROM numbers(9, 23)"  # the other nine are in use
        ).result_rows
        for (partition,) in quiet:
            store.client.command(f"OPTIMIZE TABLE {store.internal}.{table} PARTITION {partition} FINAL")
    store.client.command("SYSTEM STOP MERGES")


def _questions() -> Iterator[tuple[str, str, dict[str, str]]]:
    for name, sql in _ASKED.items():
        yield name, sql, {}
    for path in sorted(_QUERIES.glob("*.sql")):
        yield path.stem, path.read_text("utf-8"), {}
    for name in ("15m", "24h", "30d"):
        parameters = {key: str(value) for key, value in Period.now(name).parameters.items()}
        for question in _PAGE:
            given = {**parameters, "provider": "cm", "account": "default"}
            yield f"page {question.lower()}, {name}", getattr(queries, question), given


def _ask(connection: Connection, sql: str, parameters: Mapping[str, str]) -> str:
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the greatest size begins anew
    began, size = _cpu_seconds(), _megabytes("VmRSS")
    result = connection.query(sql, parameters=parameters)
    used, grown = _cpu_seconds() - began, _megabytes("VmHWM") - size
    return (
        f"{used:7.2f} CPU s {result.seconds:7.2f} s {result.read_bytes / 1e6:9.1f} MB {result.read_rows:11} rows read"
        f" {max(grown, 0):7.0f} MB more memory"
    )


def _megabytes(name: str) -> float:
    """Return a size of this process, as Linux has it."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:"))


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
