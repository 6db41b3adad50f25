"""
The store: ClickHouse through clickhouse-connect, whether the engine runs in this process (chDB) or is a server.

Every table collapses what is inserted twice (see the migrations), so an insert may be repeated at will. ClickHouse's
own insert deduplication stays off: after a crash it has acknowledged a repeated insert whose rows were absent.
"""

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, cast

import clickhouse_connect
import msgspec
import urllib3
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from msgspec.structs import astuple

from sinks.clickhouse.homes import Message
from sinks.clickhouse.memory import DEFAULT_MB, engine_options
from sinks.clickhouse.messages import compute_again, share_submissions
from sinks.clickhouse.placement import COPY_COLUMNS, PLACE_COLUMNS, place
from sinks.clickhouse.servers import INSERT_SECONDS, Servers, another_may_serve
from sinks.errors import BatchTooLargeError, BusyError, RefusedError, SinkError
from sinks.rows import Row, columns
from sinks.stream import Topic

#: The table of each topic, in the store's internal database.
TABLES: Final[Mapping[Topic, str]] = {
    Topic.REPORTS: "reports",
    Topic.INBOUND: "inbound",
    Topic.DEAD_LETTERS: "dead_letters",
    Topic.SUBMISSIONS: "submissions",
}

_INSERT_SETTINGS: Final[Mapping[str, object]] = {
    "date_time_input_format": "best_effort",
    "input_format_null_as_default": 1,
    "input_format_parallel_parsing": 0,  # several threads take 11 % more CPU time for the same rows
    "max_partitions_per_insert_block": 0,  # an insert may well have rows for all partitions
    "optimize_on_insert": 0,  # merges and FINAL collapse copies, so sorting them out here, too, is 2.4 us of CPU a row
    "max_execution_time": INSERT_SECONDS,
}
#: ClickHouse's own deduplication of inserted blocks, which loses rows after a crash. Both names are needed: the second
#: one (since 26.2), where it is left at its default, overrides the first.
_NO_DEDUPLICATION: Final[Mapping[str, object]] = {"insert_deduplicate": 0, "deduplicate_insert": "disable"}

#: The engine's answer to `displayName()`, which tools ask for: by default the name of the machine.
_NAME: Final = {"display_name": "dlrhub"}

#: On a cluster: an insert returns once its rows are on most replicas of their shard, and subqueries read the shard that
#: they run on, since all rows of a message are on one.
_CLUSTER_SETTINGS: Final[Mapping[str, object]] = {
    "distributed_foreground_insert": 1,
    "insert_quorum": "auto",
    "distributed_product_mode": "local",
}
#: Every drain uses the same replica of a shard, so that it reads what was written, by whatever server it is connected to.
_FIRST_REPLICA: Final[Mapping[str, object]] = {"load_balancing": "in_order", "prefer_localhost_replica": 0}

#: Errors that are in the rows, by ClickHouse's names.
_ROW_ERRORS: Final = frozenset(
    {
        "ARGUMENT_OUT_OF_BOUND",
        "CANNOT_CONVERT_TYPE",
        "CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN",
        "DECIMAL_OVERFLOW",
        "INCORRECT_DATA",
        "TOO_LARGE_STRING_SIZE",
        "TYPE_MISMATCH",
        "UNEXPECTED_DATA_AFTER_PARSED_VALUE",
        "VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE",
    }
)
#: Errors that are in the store, however many rows there are: the same insert is tried again.
_STORE_ERRORS: Final = frozenset(
    {
        "ABORTED",
        "ACCESS_DENIED",
        "ALL_CONNECTION_TRIES_FAILED",
        "KEEPER_EXCEPTION",
        "NETWORK_ERROR",
        "NOT_ENOUGH_SPACE",
        "NO_ZOOKEEPER",
        "TABLE_IS_READ_ONLY",
        "TOO_FEW_LIVE_REPLICAS",
        "TOO_MANY_PARTS",
        "TOO_MANY_SIMULTANEOUS_QUERIES",
        "UNKNOWN_DATABASE",
        "UNKNOWN_STATUS_OF_INSERT",
        "UNKNOWN_TABLE",
        "UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE",
    }
)


_encode: Final = msgspec.json.Encoder().encode


class Store:
    """Tables of one schema, behind one connection; for one thread at a time."""

    def __init__(
        self,
        client: Client,
        database: str = "dlr",
        *,
        cluster: str = "",
        async_insert: bool = False,
        servers: Servers | None = None,
    ) -> None:
        """
        Use `client`; the databases are made by `migrate`.

        With `async_insert` the server gathers the inserts of many clients into one part; an insert returns once that
        part is written, all the same. On a `cluster` an insert returns once most replicas of each shard have it. If
        `client` can't insert, one of the other `servers` takes its place.
        """
        self.client = client
        self._servers = servers
        self.database = database
        self.cluster = cluster
        #: The database `internal` has the tables that are inserted into and read, `local` those that keep the rows. They
        #: differ on a cluster only, where the tables of `internal` are Distributed.
        self.internal = f"{database}_store"
        self.local = f"{database}_local" if cluster else self.internal
        self._settings = {
            **_INSERT_SETTINGS,
            **{name: value for name, value in _NO_DEDUPLICATION.items() if name in client.server_settings},
            "async_insert": int(async_insert),
            "wait_for_async_insert": 1,
            **(_CLUSTER_SETTINGS if cluster else {}),
        }

    @property
    def on_cluster(self) -> str:
        """Return the clause that has a statement run on every server."""
        return f"ON CLUSTER '{self.cluster}'" if self.cluster else ""

    def on_all_servers(self, table: str) -> str:
        """Return what to read a table of every server from."""
        return f"clusterAllReplicas('{self.cluster}', {table})" if self.cluster else table

    def insert(self, topic: Topic, rows: Sequence[Row]) -> None:
        """
        Insert rows into the topic's table; return once they are in it, and counted in the messages.

        Raises `RefusedError` if a row is at fault (none may be assumed to be in), `BatchTooLargeError` if fewer
        rows may work, else `BusyError`. An insert that failed may be repeated, whatever of it is in.
        """
        try:
            if rows and topic in PLACE_COLUMNS:
                self._insert_placed(topic, cast("Sequence[Message]", rows))
            else:
                self._insert(TABLES[topic], columns(topic), [_encode(astuple(row)) for row in rows])
        except (ClickHouseError, OSError) as error:
            if another_may_serve(error):
                self._move_on()
            raise _sink_error(topic, error) from error

    def _move_on(self) -> None:
        """Use another server from now on, if there is one that answers."""
        client = self._servers.connect_elsewhere() if self._servers else None
        if client is not None:
            self.client.close()
            self.client = client

    def _insert(self, table: str, names: Sequence[str], values: Sequence[bytes]) -> None:
        if values:
            self.client.raw_insert(
                f"{self.internal}.{table}",
                names,
                insert_block=b"\n".join(values),
                fmt="JSONCompactEachRow",
                settings=self._settings,
            )

    def _insert_placed(self, topic: Topic, rows: Sequence[Message]) -> None:
        placed = place(self.client, self.internal, rows, self._settings)
        self._insert(TABLES[topic], (*columns(topic), *PLACE_COLUMNS[topic]), placed.values)
        self._insert("reports_to_messages", COPY_COLUMNS, placed.copies)
        if placed.again:
            compute_again(self.client, self.internal, placed.again, placed.days, self._settings)
        shared = placed.known - placed.again
        if topic is Topic.REPORTS:
            shared &= placed.stamped
        if shared and self._has_submissions():
            share_submissions(self.client, self.internal, {key: placed.homes[key] for key in shared}, self._settings)

    def _has_submissions(self) -> bool:
        return bool(self.client.command(f"SELECT count() > 0 FROM {self.internal}.submissions"))  # noqa: S608 - our own name

    def replace_codes(self, rows: Sequence[Mapping[str, str]]) -> None:
        """Have the table `codes` hold these rows, and no others, from one moment to the next."""
        columns = tuple(rows[0])
        wanted = [tuple(row[name] for name in columns) for row in rows]
        there = self.client.query(f"SELECT {', '.join(columns)} FROM {self.database}.codes").result_rows  # noqa: S608 - our own names
        if sorted(map(tuple, there)) == sorted(wanted):
            return
        self.client.command(f"TRUNCATE TABLE {self.internal}.codes")
        self.client.insert(f"{self.internal}.codes", wanted, column_names=columns)
        self.client.command(f"ALTER TABLE {self.database}.codes REPLACE PARTITION tuple() FROM {self.internal}.codes")

    def ping(self) -> bool:
        """Tell whether the store answers."""
        return self.client.ping()

    def close(self) -> None:
        """Let go of the connection."""
        self.client.close()


def _sink_error(topic: Topic, error: ClickHouseError | OSError) -> SinkError:
    """Say whose fault an error is: a row's, that of too many rows at once, or the store's."""
    name = getattr(error, "name", None) or ""
    if name in _ROW_ERRORS or name.startswith("CANNOT_PARSE"):
        return RefusedError(f"{topic}: {name}")
    timed_out = isinstance(error.__cause__, TimeoutError | urllib3.exceptions.TimeoutError)
    if timed_out or (name and name not in _STORE_ERRORS):
        return BatchTooLargeError(f"{topic}: {name or 'the insert took too long'}")
    return BusyError(f"{topic}: {name or type(error).__name__}")


def engine_path(folder: Path) -> Path:
    """Return where the engine of a store in `folder` has its data: the path that other connections open."""
    return folder / "engine"


def open_embedded(
    folder: Path, database: str = "dlr", *, memory_mb: int = DEFAULT_MB, options: Mapping[str, object] | None = None
) -> Store:
    """
    Open the ClickHouse engine in this process, with its data below `folder`.

    The process keeps to `memory_mb` of resident memory. `options` are more of the engine's server settings.

    One process at a time may have it open: a second one gets a `BusyError`. The engine stages inserts in TMPDIR, so
    this process is given one of its own, emptied first.
    """
    staging = folder / "staging"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    os.environ["TMPDIR"] = tempfile.tempdir = str(staging.resolve())
    try:
        client = clickhouse_connect.get_client(
            interface="chdb",
            path=str(engine_path(folder)),
            chdb_options={**_NAME, **engine_options(memory_mb), **(options or {})},
        )
    except ClickHouseError as error:
        raise BusyError(f"the store in {folder} can't be opened (does another dlrhub run on it?): {error}") from error
    return Store(client, database)


def connect_again(folder: Path, database: str = "dlr") -> Store:
    """Return another connection to the engine in `folder`, which this process has open: one is for one thread."""
    return Store(clickhouse_connect.get_client(interface="chdb", path=str(engine_path(folder))), database)


def open_server(url: str, database: str = "dlr", *, cluster: str = "", async_insert: bool = False) -> Store:
    """
    Connect to a ClickHouse server of those in `url`; an insert that fails on one is tried on the next.

    Raises `RefusedError` if it does not let us in, and `BusyError` if none can be reached.
    """
    servers = Servers(url, _FIRST_REPLICA if cluster else {})
    return Store(servers.connect(), database, cluster=cluster, async_insert=async_insert, servers=servers)
