"""The program itself, as a user starts it: a process tree on free ports, to post to, to query, and to kill."""

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
from types import MappingProxyType, TracebackType
from typing import Any, Self, TypeAlias

import orjson

from tests.ingest.query.fixtures import QueryServer
from tests.sinks.kafka.broker import free_ports

START_SECONDS = 60
_DLRHUB = (sys.executable, "-m", "ingest")

#: Asks a store, and returns its rows.
Ask: TypeAlias = Callable[[str], list[dict[str, Any]]]


def free_port() -> int:
    """Return a port that nothing listens on, and that the system gives to no outgoing connection."""
    return free_ports(1)[0]


def kafka_settings(bootstrap: str, prefix: str, partitions: int) -> dict[str, str]:
    """Return the settings of parts that share topics on a Kafka."""
    return {
        "DLRHUB_KAFKA__BOOTSTRAP_SERVERS": bootstrap,
        "DLRHUB_KAFKA__TOPIC_PREFIX": f"{prefix}.",
        "DLRHUB_KAFKA__GROUP": prefix,
        "DLRHUB_KAFKA__PARTITIONS": str(partitions),
        "DLRHUB_KAFKA__CONFIRM_TIMEOUT_MS": "1000",
    }


def counts(ask: Ask) -> set[int]:
    """Count the reports by each of the ways that an analyst may, once the insert that was under way has ended."""
    deadline = time.monotonic() + 10
    while True:
        [row] = ask(
            "SELECT (SELECT count() FROM reports) AS r, (SELECT sum(reports) FROM stats) AS s,"
            " (SELECT count() FROM messages) AS m, (SELECT sum(reports) FROM messages) AS in_messages"
        )
        found = {name: int(value) for name, value in row.items()}
        if found.pop("in_messages") == found["r"]:
            return set(found.values())
        assert time.monotonic() < deadline, f"messages and reports differ: {row}"
        time.sleep(0.05)


class Server:
    """A database on a ClickHouse server that parts of the program share."""

    def __init__(self, query_server: QueryServer, database: str) -> None:
        """Name the database; whoever drains makes it."""
        self._query_server = query_server
        self._database = database
        self.settings = {
            "DLRHUB_CLICKHOUSE__URL": f"http://127.0.0.1:{query_server.port}",
            "DLRHUB_CLICKHOUSE__DATABASE": database,
        }

    def ask(self, sql: str) -> list[dict[str, Any]]:
        """Ask the store."""
        reply = self._query_server.ask(sql, database=self._database, default_format="JSONEachRow")
        assert reply.status == 200, reply.text
        return [orjson.loads(line) for line in reply.body.splitlines()]


class Program:
    """A `dlrhub` command and its children, in a folder of their own."""

    def __init__(
        self, folder: Path, command: Sequence[str] = ("run",), settings: Mapping[str, str] | None = None
    ) -> None:
        """Choose ports; nothing runs yet."""
        self.folder = folder
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
        """Start, and return once `/readyz` says so."""
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
        """Run another command with the same settings, which has to do well in time, and return what it says."""
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
        """Run another command with the same settings, and SIGKILL it so many seconds after it has printed so many lines."""
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

    def wait_until_ready(self) -> None:
        """Wait until every part does its work."""
        deadline = time.monotonic() + START_SECONDS
        while self.get(self.admin, "/readyz")[0] != 200:
            assert self.process is not None
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)

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
        """GET from one of the doors; status 0 where nobody answers."""
        return self.post(port, path, None)

    def post(
        self, port: int, path: str, body: bytes | None, headers: Mapping[str, str] = MappingProxyType({})
    ) -> tuple[int, bytes]:
        """POST to one of the doors (GET where there is no body); status 0 where nobody answers."""
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
        """Ask the store through the query interface."""
        status, body = self.post(self.query_port, "/?default_format=JSONEachRow", sql.encode())
        assert status == 200, body
        return [orjson.loads(line) for line in body.splitlines()]

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave no process behind."""
        if self.process is not None and self.process.poll() is None:
            self.kill()
