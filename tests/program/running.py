"""Runs dlrhub as a user does: as a process tree on free ports, to post to, to query and to kill."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self, TypeAlias

import orjson

from sinks.journal.consumer import lag
from tests.ingest.query.fixtures import QueryServer
from tests.sinks.kafka.broker import free_ports
from tests.waiting import wait_until

START_SECONDS = 60
_DLRHUB = (sys.executable, "-m", "ingest")

#: Runs a query on a store, and returns the rows.
Ask: TypeAlias = Callable[[str], list[dict[str, Any]]]


def free_port() -> int:
    """Return a port that is free, and outside of the range of outgoing connections."""
    return free_ports(1)[0]


def kafka_settings(bootstrap: str, prefix: str, partitions: int) -> dict[str, str]:
    """Return settings of Kafka, with a prefix for topics and group."""
    return {
        "DLRHUB_KAFKA__BOOTSTRAP_SERVERS": bootstrap,
        "DLRHUB_KAFKA__TOPIC_PREFIX": f"{prefix}.",
        "DLRHUB_KAFKA__GROUP": prefix,
        "DLRHUB_KAFKA__PARTITIONS": str(partitions),
        "DLRHUB_KAFKA__CONFIRM_TIMEOUT_MS": "1000",
    }


def counts(ask: Ask) -> set[int]:
    """Count the reports by `reports`, `stats` and `messages`, once an insert in progress has ended."""
    found: dict[str, int] = {}

    def count() -> bool:
        [row] = ask(
            "SELECT (SELECT count() FROM reports) AS r, (SELECT sum(reports) FROM stats) AS s,"
            " (SELECT count() FROM messages) AS m, (SELECT sum(reports) FROM messages) AS in_messages"
        )
        found.update({name: int(value) for name, value in row.items()})
        return found.pop("in_messages") == found["r"]

    wait_until(count, seconds=10, shown=lambda: f"messages and reports differ: {found}")
    return set(found.values())


def stored_ids(ask: Ask) -> set[str]:
    """Return the message ids of all reports in a store."""
    return {row["message_id"] for row in ask("SELECT message_id FROM reports")}


class Server:
    """A database on a ClickHouse server, which the program makes."""

    def __init__(self, query_server: QueryServer, database: str) -> None:
        """Name the database."""
        self._query_server = query_server
        self._database = database
        self.settings = {
            "DLRHUB_CLICKHOUSE__URL": f"http://127.0.0.1:{query_server.port}",
            "DLRHUB_CLICKHOUSE__DATABASE": database,
        }

    def ask(self, sql: str) -> list[dict[str, Any]]:
        """Run a query, and return the rows."""
        reply = self._query_server.ask(sql, database=self._database, default_format="JSONEachRow")
        assert reply.status == 200, reply.text
        return [orjson.loads(line) for line in reply.body.splitlines()]


class Program:
    """A `dlrhub` command and its child processes, in a folder of its own."""

    def __init__(
        self, folder: Path, command: Sequence[str] = ("run",), settings: Mapping[str, str] | None = None
    ) -> None:
        """Make the folder, and choose ports."""
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.journals = folder / "dlrhub-data" / "journal"
        self.command = command
        self.receiver, self.admin, self.query_port = free_ports(3)
        self.environment = {
            "DLRHUB_RECEIVER__LISTEN": f"127.0.0.1:{self.receiver}",
            "DLRHUB_ADMIN__LISTEN": f"127.0.0.1:{self.admin}",
            "DLRHUB_QUERY__LISTEN": f"127.0.0.1:{self.query_port}",
            **(settings or {}),
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.log = folder / "log"

    def start(self) -> Self:
        """Start, and return once `/readyz` answers 200."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*_DLRHUB, *self.command],
                cwd=self.folder,
                env={**os.environ, **self.environment},
                stderr=log,
                start_new_session=True,
            )
        self.wait_until_ready()
        return self

    def call(self, *command: str, seconds: float = START_SECONDS) -> str:
        """Run another command with the same settings, which has to succeed in time, and return its output."""
        done = self.execute(*command, seconds=seconds)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def execute(self, *command: str, seconds: float = START_SECONDS) -> "subprocess.CompletedProcess[str]":
        """Run another command with the same settings."""
        return subprocess.run(
            [*_DLRHUB, *command],
            cwd=self.folder,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def cut_short(self, *command: str, lines: int = 0, seconds: float) -> None:
        """Run another command with the same settings, and SIGKILL it `seconds` after it has printed `lines`."""
        with subprocess.Popen(
            [*_DLRHUB, *command],
            cwd=self.folder,
            env={**os.environ, **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as running:
            assert running.stdout is not None
            for _ in range(lines):
                running.stdout.readline()
            with suppress(subprocess.TimeoutExpired):
                running.wait(seconds)
            running.kill()

    def child(self, part: str) -> int:
        """Return the process id of the receiver, the poller or the store."""
        assert self.process is not None
        found = subprocess.run(
            ["pgrep", "-P", str(self.process.pid), "-f", f"child {part}"], capture_output=True, text=True, check=True
        )
        return int(found.stdout.split()[0])

    def kill_child(self, part: str) -> None:
        """SIGKILL the receiver, the poller or the store, and wait until it is started again."""
        os.kill(self.child(part), signal.SIGKILL)
        time.sleep(0.3)
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Wait until `/readyz` answers 200."""

        def ready() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, self.log.read_text()
            return self.get(self.admin, "/readyz")[0] == 200

        wait_until(
            ready,
            seconds=START_SECONDS,
            shown=lambda: self.log.read_text() + self.get(self.admin, "/readyz")[1].decode(),
        )

    def wait_until_drained(self) -> None:
        """Wait until the store has all acknowledged records of the journals."""
        wait_until(lambda: lag(self.journals) == 0, seconds=120)

    def kill(self) -> None:
        """SIGKILL every process of the tree at once."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> int:
        """SIGTERM the parent, and return its exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(15)

    def get(self, port: int, path: str) -> tuple[int, bytes]:
        """Send a GET; the status is 0 if nothing answers."""
        return self.post(port, path, None)

    def post(
        self, port: int, path: str, body: bytes | None, headers: Mapping[str, str] = MappingProxyType({})
    ) -> tuple[int, bytes]:
        """Send a POST, or a GET if there is no body; the status is 0 if nothing answers."""
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=body, headers=dict(headers))
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return int(answer.status), answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()
        except OSError:
            return 0, b""

    def callback(self, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        """Post a callback."""
        return self.post(self.receiver, f"/callbacks/{path}", body)

    def ask(self, sql: str) -> list[dict[str, Any]]:
        """Run a query through the query interface, and return the rows."""
        status, body = self.post(self.query_port, "/?default_format=JSONEachRow", sql.encode())
        assert status == 200, body
        return [orjson.loads(line) for line in body.splitlines()]

    def __enter__(self) -> Self:
        """Start, and leave no process behind if that fails."""
        try:
            return self.start()
        except BaseException:
            self.__exit__()
            raise

    def metric(self, name: str) -> float:
        """Return a metric without labels; NaN if it is not there."""
        lines = self.get(self.admin, "/metrics")[1].decode().splitlines()
        return float(next((line.split()[1] for line in lines if line.startswith(f"{name} ")), "nan"))

    def __exit__(self, *_: object) -> None:
        """Kill what is still running."""
        if self.process is not None and self.process.poll() is None:
            self.kill()
