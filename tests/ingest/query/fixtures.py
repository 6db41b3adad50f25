"""Fixtures: a running query interface, and one that can be written to, each in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from urllib.parse import urlencode

import pytest


@dataclass(frozen=True)
class Reply:
    """An answer of the query server."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")


@dataclass(frozen=True)
class QueryServer:
    """A running query_server and the folder of its engine."""

    port: int
    folder: Path

    def ask(
        self,
        sql: str | bytes = "",
        headers: Mapping[str, str] | None = None,
        method: str = "POST",
        path: str = "/",
        **parameters: str,
    ) -> Reply:
        """Send one request, as curl would."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        body = sql.encode() if isinstance(sql, str) else sql
        try:
            connection.request(method, f"{path}?{urlencode(parameters)}", body, dict(headers or {}))
            response: HTTPResponse = connection.getresponse()
            return Reply(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()


@contextmanager
def running(folder: Path, *arguments: str, ends_with: int = 0) -> Iterator[QueryServer]:
    """Run a query server until the block ends, and see that it ends with this status."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.ingest.query.serve", str(folder), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
        env={**os.environ, "TMPDIR": str(folder)},
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, "the query server did not start"
        yield QueryServer(int(line), folder)
        process.stdin.close()
        assert process.wait(30) == ends_with


@pytest.fixture(scope="session")
def query_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QueryServer]:
    """Run a query server with limits that a test can reach."""
    limits = {
        "query_seconds": 3,
        "memory_bytes": 350_000_000,
        "wait_seconds": 0.5,
        "connections": 3,
        "result_bytes": 50_000_000,
    }
    with running(tmp_path_factory.mktemp("query_server"), json.dumps(limits)) as running_server:
        yield running_server


@pytest.fixture(scope="session")
def writable_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QueryServer]:
    """Run a query server over an empty engine that takes everything, as a ClickHouse server would."""
    with running(tmp_path_factory.mktemp("writable"), "--writable") as running_server:
        yield running_server
