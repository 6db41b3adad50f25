"""
Schema migrations: numbered `.sql` files, applied in order, recorded in the database.

The same files serve chDB, a server and a cluster. Every statement can be run again, so a migration that was cut short
is simply repeated.
"""

import hashlib
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template
from typing import Final

from sinks.clickhouse.store import Store
from sinks.errors import RefusedError

#: Table settings that the files name: an insert is on the disk when it returns, and stays there through merges. The
#: thread that removes old files looks each half minute, so that `dlrhub forget` need not wait for minutes.
_DURABLE: Final = (
    "SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1,"
    " min_compressed_bytes_to_fsync_after_merge = 1, old_parts_lifetime = 480,"
    " max_cleanup_delay_period = 30, default_compression_codec = 'ZSTD(1)'"
)
#: Settings of the tables with many rows. A partition into which nothing has been inserted for an hour is merged into one
#: part, which FINAL reads as it is. A look-up reads whole granules, so they are smaller than ClickHouse's 8192 rows.
_LARGE: Final = (
    "min_age_to_force_merge_seconds = 3600, min_age_to_force_merge_on_partition_only = 1, index_granularity = 2048"
)
#: Settings of the views: FINAL within a partition only (no key is in two), and skip indexes that never hide the newer
#: of two copies of a row.
_EXACT: Final = (
    "do_not_merge_across_partitions_select_final = 1, use_skip_indexes_if_final = 1,"
    " use_skip_indexes_if_final_exact_mode = 1"
)
#: Made before the first migration.
_RECORD: Final = (
    "CREATE DATABASE IF NOT EXISTS ${internal} ${on_cluster}",
    "CREATE DATABASE IF NOT EXISTS ${local} ${on_cluster}",
    """CREATE TABLE IF NOT EXISTS ${internal}.migrations ${on_cluster} (
    number UInt32, name String, checksum String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ${replicated}MergeTree(${everywhere}) ORDER BY number ${settings}
COMMENT 'Migrations that were applied to this schema'""",
)
#: Arguments of a Replicated engine whose rows are on every server of a cluster, whatever its shard.
_EVERYWHERE: Final = "'/clickhouse/tables/{uuid}/all', '{shard}_{replica}'"
_POLL_SECONDS: Final = 0.1
_FOLDER: Final = files("sinks.clickhouse") / "migrations"


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file of `sinks/clickhouse/migrations`."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """Tell this text from another under the same number."""
        return hashlib.sha256(self.sql.encode()).hexdigest()

    def statements(self) -> Iterator[str]:
        """Yield the statements, without their comments."""
        text = re.sub(r"^\s*--.*$", "", self.sql, flags=re.MULTILINE)
        yield from filter(None, (statement.strip() for statement in text.split(";\n")))


def migrations(folder: Path | Traversable = _FOLDER) -> list[Migration]:
    """Return the migrations in a folder, in order."""
    found = [
        Migration(int(file.name.split("_")[0]), file.name.removesuffix(".sql"), file.read_text("utf-8"))
        for file in folder.iterdir()
        if file.name.endswith(".sql")
    ]
    return sorted(found, key=lambda migration: migration.number)


def migrate(store: Store, *, wanted: Iterable[Migration] | None = None) -> list[Migration]:
    """
    Apply the wanted migrations (all that there are) that are not applied yet, and return them.

    If nothing is missing, no statement is sent to a cluster, so that a replica that is away keeps no drain from
    starting. Raises `RefusedError` if a migration differs from the one that was applied under its number, and where the
    database is not one that this version can use.
    """
    _refuse_old(store)
    pending = list(_pending(store, migrations() if wanted is None else wanted))
    if not pending:
        return []
    for statement in _rendered(_RECORD, store):
        store.client.command(statement)
    for migration in pending:
        for statement in rendered(migration, store):
            if statement.startswith("INSERT"):
                _wait_for_inserts(store)
            store.client.command(statement)
        store.client.insert(
            f"{store.internal}.migrations",
            [(migration.number, migration.name, migration.checksum)],
            column_names=("number", "name", "checksum"),
        )
    return pending


def rendered(migration: Migration, store: Store) -> list[str]:
    """Return a migration's statements as they are sent; Distributed tables are for clusters only."""
    return _rendered(migration.statements(), store)


def _rendered(statements: Iterable[str], store: Store) -> list[str]:
    variables = {
        "database": store.database,
        "internal": store.internal,
        "local": store.local,
        "cluster": store.cluster,
        "on_cluster": store.on_cluster,
        "replicated": "Replicated" if store.cluster else "",
        "everywhere": _EVERYWHERE if store.cluster else "",
        "all_homes": store.on_all_servers(f"{store.local}.message_homes"),
        "settings": _DURABLE,
        "large": _LARGE,
        "exact": _EXACT,
    }
    return [
        Template(statement).substitute(variables)
        for statement in statements
        if store.cluster or "Distributed(" not in statement
    ]


def _wait_for_inserts(store: Store) -> None:
    """
    Wait until every insert into this store has ended that runs now.

    It may have begun before a materialized view was made, and doesn't feed it; what a migration copies has its rows then.
    """
    inserts = (
        f"SELECT count() FROM {store.on_all_servers('system.processes')}"  # noqa: S608 - our own names
        f" WHERE query_kind = 'Insert' AND position(query, '{store.database}_') > 0"
    )
    started = time.monotonic()
    while True:
        if not int(str(store.client.command(f"{inserts} AND elapsed > {time.monotonic() - started}"))):
            return
        time.sleep(_POLL_SECONDS)


def _exists(store: Store, database: str, table: str) -> bool:
    return bool(
        store.client.command(
            "SELECT count() FROM system.tables WHERE database = {database:String} AND name = {table:String}",
            parameters={"database": database, "table": table},
        )
    )


def _refuse_old(store: Store) -> None:
    if _exists(store, store.database, "reports_store"):
        raise RefusedError(
            f"the database {store.database} was made by dlrhub 0.1, whose tables this version can't use; it is left as it"
            " is. Name another database in the settings ([clickhouse] database), or drop it"
        )


def applied(store: Store) -> dict[str, str]:
    """Return the checksums of the migrations that made this store's tables, by their names."""
    if not _exists(store, store.internal, "migrations"):
        return {}
    query = f"SELECT DISTINCT number, name, checksum FROM {store.internal}.migrations ORDER BY number"  # noqa: S608 - our own names
    rows = store.client.query(query).result_rows
    return {str(name): str(checksum) for _, name, checksum in rows}


def _pending(store: Store, wanted: Iterable[Migration]) -> Iterator[Migration]:
    known = applied(store)
    numbers = {int(name.partition("_")[0]) for name in known}
    for migration in wanted:
        if migration.number not in numbers:
            yield migration
        elif known.get(migration.name) != migration.checksum:
            raise RefusedError(f"migration {migration.name} is not the one that this database has under its number")
