"""The query interface's limits: time, memory, rows, and how many at once."""

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.ingest.query.fixtures import QueryServer, Reply, running
from tests.ingest.query.serve import STUCK

ENDLESS = "SELECT sum(number) FROM numbers(1000000000000)"


def code(reply: Reply) -> str:
    """Return ClickHouse's code of the error."""
    return reply.headers.get("X-ClickHouse-Exception-Code", "")


def test_a_query_ends_in_time(query_server: QueryServer) -> None:
    """A query that would take days ends after the limit, and says so."""
    started = time.monotonic()
    reply = query_server.ask(ENDLESS)
    assert (code(reply), reply.status) == ("159", 408)
    assert 2.5 < time.monotonic() - started < 8


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT number FROM numbers(1000001)", "396"),
        ("SELECT repeat(toString(number), 200) FROM numbers(100000)", "396"),
        ("SELECT repeat('x', 100000) FROM numbers(10000)", "241"),
        ("SELECT groupArray(number) FROM numbers(1000000000)", "241"),
        ("SELECT range(100000000) FROM numbers(10)", "241"),
        ("SELECT arrayMap(x -> range(x), range(10000))", "241"),
        ("WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT max(n) FROM r", "306"),
    ],
)
def test_a_query_stays_within_memory_and_rows(query_server: QueryServer, sql: str, expected: str) -> None:
    """A query that would fill the memory, or return millions of rows, is an error."""
    assert code(query_server.ask(sql)) == expected
    assert query_server.ask("SELECT count() FROM reports").text == "1000\n"


def test_a_lone_query_may_take_the_memory_of_all(query_server: QueryServer) -> None:
    """Memory is shared: a query that runs alone, or names a limit, may use more than a third of it."""
    sql = "SELECT count() FROM (SELECT number FROM numbers(4000000) GROUP BY number)"
    assert query_server.ask(sql, max_threads="1").text == "4000000\n"
    assert query_server.ask(sql, max_threads="1", max_memory_usage="350000000").text == "4000000\n"


def test_a_query_without_enough_memory_is_told_what_to_narrow(query_server: QueryServer) -> None:
    """The error of a query that needs too much memory names the columns to filter by."""
    assert "first_received_at" in query_server.ask("SELECT groupArray(number) FROM numbers(1000000000)").text


def test_a_wide_format_counts_as_memory(query_server: QueryServer) -> None:
    """A result that is small in columns but large in its format stays within the memory too."""
    columns = ", ".join(f"toUInt8(1) AS {'c' * 100}{number}" for number in range(100))
    assert code(query_server.ask(f"SELECT {columns} FROM numbers(900000)", default_format="JSONEachRow")) == "241"


@pytest.mark.parametrize("output_format", ["TabSeparatedWithNames", "JSON", "Native", "Parquet", "XML"])
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT number AS other, throwIf(number = 900000) FROM numbers(1000000)",
        "SELECT number AS other FROM numbers(10000000)",
        "SELECT other",
    ],
)
def test_nothing_of_a_failed_query_is_in_the_next_answer(
    query_server: QueryServer, sql: str, output_format: str
) -> None:
    """Output that a query wrote before it failed is in no other query's answer."""
    for _ in range(door_connections := 3):
        assert code(query_server.ask(sql, default_format=output_format))
    for _ in range(door_connections):
        reply = query_server.ask("SELECT 1 AS one", default_format=output_format)
        assert b"other" not in reply.body
        assert len(reply.body) < 1000
        assert b"one" in reply.body


def test_too_many_at_once_are_told_to_come_back(query_server: QueryServer) -> None:
    """At the limit of running queries, further ones wait for a while and are then refused as too many."""
    with ThreadPoolExecutor(5) as threads:
        codes = sorted(code(reply) for reply in threads.map(query_server.ask, [ENDLESS] * 5))
    assert codes == ["159", "159", "159", "202", "202"]
    assert query_server.ask("SELECT 1").text == "1\n"


def test_other_requests_go_on_while_queries_run(query_server: QueryServer) -> None:
    """Other requests are answered while queries run."""
    with ThreadPoolExecutor(2) as threads:
        busy = [threads.submit(query_server.ask, ENDLESS) for _ in range(2)]
        slowest = 0.0
        for _ in range(20):
            started = time.monotonic()
            assert query_server.ask(method="GET", path="/ping").text == "Ok.\n"
            assert query_server.ask("SELECT 1").text == "1\n"
            slowest = max(slowest, time.monotonic() - started)
        assert not any(query.done() for query in busy)
    assert slowest < 2


def test_a_client_that_hangs_up_stops_its_query(query_server: QueryServer) -> None:
    """The query of a client that hung up ends at once and makes room for others."""
    request = f"GET /?query={quote(ENDLESS)} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    clients = [socket.create_connection(("127.0.0.1", query_server.port)) for _ in range(3)]
    for client in clients:
        client.sendall(request)
    while code(query_server.ask("SELECT 1")) != "202":  # until the three run
        time.sleep(0.01)
    for client in clients:
        client.close()
    left = time.monotonic()
    while code(query_server.ask("SELECT 1")) == "202":
        time.sleep(0.01)
    assert time.monotonic() - left < 1.5


#: One call of this function takes minutes, and only between calls the engine looks whether it was killed.
DEAF = "SELECT sum(levenshteinDistance(repeat(toString(number), 65000), repeat(toString(number + 1), 65000))) FROM numbers(600)"


def test_queries_that_do_not_end_are_ended_with_their_process(tmp_path: Path) -> None:
    """If queries that do not end hold every connection, others are refused at once, and then the process ends."""
    limits = {"query_seconds": 1, "stuck_seconds": 10, "wait_seconds": 5, "connections": 2}
    with running(tmp_path, json.dumps(limits), ends_with=STUCK) as server, ThreadPoolExecutor(2) as threads:
        deaf = [threads.submit(server.ask, DEAF) for _ in range(2)]
        assert [code(query.result()) for query in deaf] == ["159", "159"]
        said, answered = "", 0
        deadline = time.monotonic() + 30
        while said != "gone" and time.monotonic() < deadline:
            started = time.monotonic()
            try:
                said = code(server.ask("SELECT 1"))
            except OSError:
                said = "gone"
            answered += said == "202" and time.monotonic() - started < 3
        assert (said, answered > 0) == ("gone", True)
