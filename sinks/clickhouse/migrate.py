"""
Schema migrations: numbered `.sql` files, applied in order, recorded in the database.

The same files serve chDB, a server and a cluster. Every statement can be run again, so a migration that was cut short
is simply repeated.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from string import Template
from typing import Final

from sinks.clickhouse.store import Store
from sinks.errors import RefusedError

#: Table settings without which an acknowledged insert can be lost with the machine's power (chDB never fsyncs by
#: itself; a server is its operator's).
_DURABLE: Final = (
    "SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1,"
    " min_compressed_bytes_to_fsync_after_merge = 1, old_parts_lifetime = 480"
)
_RECORD: Final = """
CREATE TABLE IF NOT EXISTS ${database}.migrations ${on_cluster} (
    number UInt32, name String, checksum String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ${replicated}ReplacingMergeTree(applied_at) ORDER BY number ${settings}
"""


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


def migrations() -> list[Migration]:
    """Return every migration in order."""
    folder = files("sinks.clickhouse") / "migrations"
    found = [
        Migration(int(file.name.split("_")[0]), file.name.removesuffix(".sql"), file.read_text("utf-8"))
        for file in folder.iterdir()
        if file.name.endswith(".sql")
    ]
    return sorted(found, key=lambda migration: migration.number)


def migrate(store: Store, *, cluster: str = "", durable: bool = True) -> list[Migration]:
    """
    Apply what is not applied yet, and return it.

    `cluster` names the ClickHouse cluster for `ON CLUSTER` and Replicated engines. Raises `RefusedError` where a
    migration differs from the one that was applied under its number.
    """
    variables = {
        "database": store.database,
        "on_cluster": f"ON CLUSTER '{cluster}'" if cluster else "",
        "replicated": "Replicated" if cluster else "",
        "settings": _DURABLE if durable else "",
    }
    store.client.command(Template("CREATE DATABASE IF NOT EXISTS ${database} ${on_cluster}").substitute(variables))
    store.client.command(Template(_RECORD).substitute(variables))
    pending = list(_pending(store))
    for migration in pending:
        for statement in migration.statements():
            store.client.command(Template(statement).substitute(variables))
        store.client.insert(
            f"{store.database}.migrations",
            [(migration.number, migration.name, migration.checksum)],
            column_names=("number", "name", "checksum"),
        )
    return pending


def _pending(store: Store) -> Iterator[Migration]:
    rows = store.client.query(f"SELECT number, checksum FROM {store.database}.migrations FINAL").result_rows  # noqa: S608 - our own names
    applied = {int(number): str(checksum) for number, checksum in rows}
    for migration in migrations():
        if migration.number not in applied:
            yield migration
        elif applied[migration.number] != migration.checksum:
            raise RefusedError(f"migration {migration.name} is not the one that this database has under its number")
