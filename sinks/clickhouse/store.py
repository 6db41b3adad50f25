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
from typing import Final
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from sinks.errors import BusyError, RefusedError
from sinks.stream import Topic

TABLES: Final[Mapping[Topic, str]] = {
    Topic.REPORTS: "reports_store",
    Topic.INBOUND: "inbound_store",
    Topic.DEAD_LETTERS: "dead_letters_store",
    Topic.SUBMISSIONS: "submissions_store",
}

_INSERT_SETTINGS: Final = {
    "date_time_input_format": "best_effort",
    "input_format_skip_unknown_fields": 1,  # a value of a newer schema version
    "input_format_null_as_default": 1,
    "insert_deduplicate": 0,
    "max_partitions_per_insert_block": 0,  # partitions follow the provider's clock, which may say anything
}

#: Errors that are in the rows, by ClickHouse's names; any other error is the store's and is tried again.
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


_SETTINGS_AT_FAULT: Final = frozenset({"AUTHENTICATION_FAILED", "REQUIRED_PASSWORD", "UNKNOWN_USER", "WRONG_PASSWORD"})
_CONNECT_SECONDS: Final = 5
_INSERT_SECONDS: Final = 120


class Store:
    """Tables of one database, behind one connection; for one thread at a time."""

    def __init__(self, client: Client, database: str = "dlr", *, async_insert: bool = False) -> None:
        """
        Use `client`; the database is made by `migrate`.

        With `async_insert` the server gathers the inserts of many clients into one part; an insert returns once that
        part is written, all the same.
        """
        self.client = client
        self.database = database
        self._settings = {**_INSERT_SETTINGS, "async_insert": int(async_insert), "wait_for_async_insert": 1}

    def insert(self, topic: Topic, values: Sequence[bytes]) -> None:
        """
        Insert JSON objects into the topic's table; return once they are in it.

        Raises `RefusedError` where a row is at fault (none may be assumed to be in), else `BusyError`.
        """
        try:
            self.client.raw_insert(
                f"{self.database}.{TABLES[topic]}",
                insert_block=b"\n".join(values),
                fmt="JSONEachRow",
                settings=self._settings,
            )
        except ClickHouseError as error:
            name = getattr(error, "name", None) or ""
            if name in _ROW_ERRORS or name.startswith("CANNOT_PARSE"):
                raise RefusedError(f"{topic}: {name}") from error
            raise BusyError(f"{topic}: {name or type(error).__name__}") from error
        except OSError as error:
            raise BusyError(f"{topic}: {error}") from error

    def ping(self) -> bool:
        """Tell whether the store answers."""
        return self.client.ping()

    def close(self) -> None:
        """Let go of the connection."""
        self.client.close()


def engine_path(folder: Path) -> Path:
    """Return where the engine of a store in `folder` has its data: what other connections to it open."""
    return folder / "engine"


def open_embedded(folder: Path, database: str = "dlr") -> Store:
    """
    Open the ClickHouse engine in this process, with its data below `folder`.

    One process at a time may have it open: a second one gets a `BusyError`. The engine stages inserts in TMPDIR, so
    this process is given one of its own, emptied first.
    """
    staging = folder / "staging"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    os.environ["TMPDIR"] = tempfile.tempdir = str(staging.resolve())
    try:
        client = clickhouse_connect.get_client(interface="chdb", path=str(engine_path(folder)))
    except ClickHouseError as error:
        raise BusyError(f"the store in {folder} can't be opened (does another dlrhub run on it?): {error}") from error
    return Store(client, database)


def open_server(url: str, database: str = "dlr", *, async_insert: bool = False) -> Store:
    """
    Connect to a ClickHouse server: `http(s)://user:password@host:port`, which may end in `?ca_cert=<file>`.

    Raises `RefusedError` where it does not let us in, and `BusyError` where it can't be reached.
    """
    try:
        client = clickhouse_connect.get_client(
            dsn=url,
            interface=urlsplit(url).scheme,
            connect_timeout=_CONNECT_SECONDS,
            send_receive_timeout=_INSERT_SECONDS,
            query_retries=0,  # the drain tries again, and says so
            autogenerate_session_id=False,
            client_name="dlrhub",
            show_clickhouse_errors=True,  # their names are what tells a row's fault from the store's
        )
    except ClickHouseError as error:
        name = getattr(error, "name", None)
        if name in _SETTINGS_AT_FAULT:
            raise RefusedError(f"clickhouse: the server does not let us in: {name}") from None
        raise BusyError(f"clickhouse: {name or 'the server can not be reached'}") from error
    return Store(client, database, async_insert=async_insert)
