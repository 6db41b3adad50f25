"""clickhouse-connect against the query interface, as against a server."""

from collections.abc import Iterator
from datetime import UTC, datetime

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from tests.ingest.query.fixtures import QueryServer


@pytest.fixture(params=["lz4", "zstd", "gzip", False])
def client(query_server: QueryServer, request: pytest.FixtureRequest) -> Iterator[Client]:
    """Connect in every way that the client compresses."""
    client = clickhouse_connect.get_client(host="127.0.0.1", port=query_server.port, compress=request.param)
    yield client
    client.close()


@pytest.fixture
def writer(writable_server: QueryServer) -> Iterator[Client]:
    """Connect to a query server that can be written to."""
    client = clickhouse_connect.get_client(host="127.0.0.1", port=writable_server.port)
    yield client
    client.close()


def test_rows_come_typed(client: Client) -> None:
    """clickhouse-connect reads rows with their types and time zones."""
    rows = client.query(
        "SELECT provider, count() AS n, any(reason), max(received_at), any(tags) FROM reports"
        " WHERE status = 'rejected' GROUP BY provider ORDER BY provider LIMIT 1"
    ).result_rows
    assert rows == [("cm", 67, "throttled", datetime(2026, 1, 1, 5, 30), ["a", "b"])]  # noqa: DTZ001 - as the client has UTC


def test_parameters_are_values(client: Client) -> None:
    """A parameter is bound as a value, whatever its text looks like."""
    values = {"s": "it's\\\t' OR 1 --", "n": 7, "l": ["a'b", "c"], "t": datetime(2026, 1, 1, tzinfo=UTC)}
    rows = client.query("SELECT {s:String}, {n:UInt8} + 1, {l:Array(String)}, {t:DateTime}", parameters=values)
    assert rows.result_rows[0][:3] == (values["s"], 8, values["l"])


def test_long_parameters_come_as_a_form(client: Client) -> None:
    """A parameter too long for a URL, which clickhouse-connect sends as a form, is read."""
    ids = [f"m-{number}" for number in range(3000)]
    rows = client.query("SELECT count() FROM reports WHERE message_id IN {ids:Array(String)}", parameters={"ids": ids})
    assert rows.result_rows == [(1000,)]


def test_large_results_stream(client: Client) -> None:
    """A large result arrives block by block, whole."""
    with client.query_row_block_stream("SELECT number, toString(number) FROM numbers(300000)") as stream:
        assert sum(len(block) for block in stream) == 300_000


def test_settings_can_be_given(client: Client) -> None:
    """A client may give harmless settings, which it asks the server about first."""
    sql = "SELECT value FROM system.settings WHERE name = 'max_threads'"
    assert client.query(sql, settings={"max_threads": 1}).result_rows == [("1",)]
    assert client.query(sql, settings={"max_threads": 64}).result_rows == [("2",)]


def test_commands_and_raw_queries(client: Client) -> None:
    """SHOW, DESCRIBE, and any output format work."""
    assert client.command("SELECT 1") == 1
    assert client.query("SHOW TABLES").result_rows == [("failures",), ("of_provider",), ("reports",)]
    assert client.query("DESCRIBE TABLE failures").result_rows[0][:2] == ("provider", "LowCardinality(String)")
    assert client.raw_query("SELECT 1 AS x", fmt="JSONEachRow") == b'{"x":1}\n'
    assert client.query("SELECT 1 AS a LIMIT 0").column_names == ("a",)


def test_errors_have_their_code(client: Client) -> None:
    """An error tells the client ClickHouse's code and name."""
    with pytest.raises(DatabaseError) as unknown:
        client.query("SELECT nope")
    assert (unknown.value.code, unknown.value.name) == (47, "UNKNOWN_IDENTIFIER")
    with pytest.raises(DatabaseError) as refused:
        client.command("DROP TABLE reports")
    assert refused.value.code == 497
    with pytest.raises(DatabaseError):
        client.insert("reports", [[1]], column_names=["bucket"])
    assert client.command("SELECT count() FROM reports") == 1000


def test_a_writable_door_is_a_server_for_tests(writer: Client) -> None:
    """The query server of the tests takes DDL, native and raw inserts, and settings, as a ClickHouse server does."""
    writer.command("CREATE DATABASE IF NOT EXISTS tests")
    writer.command(
        "CREATE OR REPLACE TABLE tests.t (a UInt32, b String, t DateTime64(3, 'UTC')) ENGINE = MergeTree ORDER BY a"
    )
    writer.insert("tests.t", [[1, "é\n", datetime(2026, 1, 1, tzinfo=UTC)]], column_names=["a", "b", "t"])
    writer.raw_insert(
        "tests.t",
        insert_block=b'{"a": 2, "b": "x", "t": "2026-01-01T00:00:00Z", "z": 1}\n{"a": 3}',
        fmt="JSONEachRow",
        settings={"date_time_input_format": "best_effort", "input_format_skip_unknown_fields": 1},
    )
    assert writer.query("SELECT a, b FROM tests.t ORDER BY a").result_rows == [(1, "é\n"), (2, "x"), (3, "")]
    with pytest.raises(DatabaseError) as unreadable:
        writer.raw_insert("tests.t", insert_block=b'{"a": "no"}', fmt="JSONEachRow")
    assert (unreadable.value.name or "").startswith("CANNOT_PARSE")
    writer.command("DROP DATABASE tests")
