"""The query interface's HTTP, byte by byte where clients look."""

import gzip
import json
import re
import socket
import zlib
from contextlib import ExitStack

import cramjam
import pytest

from ingest.query.native import compress_frames, decompress_frames
from tests.ingest.query.fixtures import QueryServer

MOST = 1_000_000


def pack(body: bytes, encoding: str) -> bytes:
    """Compress as a client does."""
    modules = {
        "gzip": cramjam.gzip,
        "deflate": cramjam.zlib,
        "zstd": cramjam.zstd,
        "lz4": cramjam.lz4,
        "br": cramjam.brotli,
    }
    return bytes(modules[encoding].compress(body))


@pytest.mark.parametrize("path", ["/", "/ping", "/replicas_status"])
def test_health_checks_are_answered_as_by_a_server(query_server: QueryServer, path: str) -> None:
    """Paths that load balancers and drivers ping answer `Ok.`."""
    reply = query_server.ask(method="GET", path=path)
    assert (reply.status, reply.text) == (200, "Ok.\n")


def test_a_query_comes_by_url_or_body(query_server: QueryServer) -> None:
    """A query is in the URL, in the body, or begins in the one and goes on in the other."""
    assert query_server.ask(method="GET", query="SELECT 1").text == "1\n"
    assert query_server.ask("SELECT 1").text == "1\n"
    assert query_server.ask(" 1", query="SELECT").text == "1\n"
    assert query_server.ask("SELECT {x:String}", param_x="it's").text == "it\\'s\n"


def test_the_headers_are_clickhouses(query_server: QueryServer) -> None:
    """An answer tells its query, format, zone and cost in ClickHouse's headers."""
    reply = query_server.ask("SELECT number FROM numbers(3) FORMAT JSONEachRow", query_id="my-query")
    assert reply.headers["X-ClickHouse-Query-Id"] == "my-query"
    assert reply.headers["X-ClickHouse-Format"] == "JSONEachRow"
    assert reply.headers["X-ClickHouse-Timezone"] == "UTC"
    assert reply.headers["X-ClickHouse-Server-Display-Name"]
    assert reply.headers["Content-Type"] == "application/x-ndjson; charset=UTF-8"
    summary = json.loads(reply.headers["X-ClickHouse-Summary"])
    assert (summary["read_rows"], summary["result_rows"]) == ("3", "3")


def test_a_query_id_of_nonsense_is_replaced(query_server: QueryServer) -> None:
    """A query id with characters that a header can't have is replaced."""
    reply = query_server.ask("SELECT 1", query_id="x\r\nSet-Cookie: a=b")
    assert re.fullmatch(r"[0-9a-f-]{36}", reply.headers["X-ClickHouse-Query-Id"])
    assert "Set-Cookie" not in reply.headers


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("TabSeparated", "text/tab-separated-values; charset=UTF-8"),
        ("TSVWithNames", "text/tab-separated-values; charset=UTF-8"),
        ("CSV", "text/csv; charset=UTF-8; header=absent"),
        ("CSVWithNames", "text/csv; charset=UTF-8; header=present"),
        ("JSON", "application/json; charset=UTF-8"),
        ("JSONCompact", "application/json; charset=UTF-8"),
        ("Pretty", "text/plain; charset=UTF-8"),
        ("XML", "application/xml; charset=UTF-8"),
        ("Native", "application/octet-stream"),
        ("RowBinaryWithNamesAndTypes", "application/octet-stream"),
        ("Parquet", "application/octet-stream"),
        ("Arrow", "application/octet-stream"),
    ],
)
def test_formats_have_their_content_type(query_server: QueryServer, name: str, content_type: str) -> None:
    """A format's content type is ClickHouse's, however the format was named."""
    for reply in (
        query_server.ask(f"SELECT 1 AS x FORMAT {name}"),
        query_server.ask("SELECT 1 AS x", default_format=name.lower()),
        query_server.ask("SELECT 1 AS x", {"X-ClickHouse-Format": name}, default_format="CSV"),
    ):
        assert (reply.status, reply.headers["Content-Type"]) == (200, content_type)
        assert reply.headers["X-ClickHouse-Format"] == name
        assert reply.body


def test_every_open_format_is_the_engines(query_server: QueryServer) -> None:
    """Each format that the query server lists has the engine's content type, and is one that it writes."""
    from ingest.query.formats import CONTENT_TYPES  # noqa: PLC0415

    rows = query_server.ask(
        "SELECT name, content_type FROM system.formats WHERE is_output FORMAT JSONCompactEachRow"
    ).text
    engines = dict(json.loads(row) for row in rows.splitlines())
    assert {name: engines.get(name) for name in CONTENT_TYPES} == dict(CONTENT_TYPES)


@pytest.mark.parametrize(
    ("sql", "status", "code", "name"),
    [
        ("SELECT nope", 404, 47, "UNKNOWN_IDENTIFIER"),
        ("SELECT * FROM nope", 404, 60, "UNKNOWN_TABLE"),
        ("SELECT (", 400, 62, "SYNTAX_ERROR"),
        ("SELECT toUInt8('x')", 400, 6, "CANNOT_PARSE_TEXT"),
        ("SELECT throwIf(1)", 500, 395, "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"),
        ("DROP TABLE reports", 403, 497, "ACCESS_DENIED"),
        ("SELECT {x:UInt8}", 400, 456, "UNKNOWN_QUERY_PARAMETER"),
    ],
)
def test_errors_are_clickhouses(query_server: QueryServer, sql: str, status: int, code: int, name: str) -> None:
    """An error has ClickHouse's code, name, text and HTTP status."""
    reply = query_server.ask(sql)
    assert reply.headers["X-ClickHouse-Exception-Code"] == str(code)
    assert re.fullmatch(rf"Code: {code}\. DB::Exception: .*\({name}\) \(version [\d.]+\)\n", reply.text, re.DOTALL)
    assert reply.status == (500 if code == 456 else status)


@pytest.mark.parametrize(
    ("encoding", "decode"),
    [
        ("gzip", gzip.decompress),
        ("deflate", zlib.decompress),
        ("zstd", cramjam.zstd.decompress),
        ("lz4", cramjam.lz4.decompress),
        ("br", cramjam.brotli.decompress),
    ],
)
def test_answers_are_compressed(query_server: QueryServer, encoding: str, decode: type[bytes]) -> None:
    """A client gets its answer in the first encoding of its list that the query server knows."""
    reply = query_server.ask("SELECT number FROM numbers(1000)", {"Accept-Encoding": f"nonsense, {encoding};q=0.5"})
    assert reply.headers["Content-Encoding"] == encoding
    assert bytes(decode(reply.body)).split()[-1] == b"999"
    plain = query_server.ask("SELECT 1", {"Accept-Encoding": encoding}, enable_http_compression="0")
    assert (plain.text, "Content-Encoding" in plain.headers) == ("1\n", False)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd", "lz4"])
def test_a_query_may_be_compressed(query_server: QueryServer, encoding: str) -> None:
    """A client may send its query compressed."""
    assert query_server.ask(pack(b"SELECT 42", encoding), {"Content-Encoding": encoding}).text == "42\n"


def test_frames_go_both_ways(query_server: QueryServer) -> None:
    """`compress=1` and `decompress=1` mean ClickHouse's own compressed frames."""
    reply = query_server.ask("SELECT number FROM numbers(500000)", compress="1")
    assert decompress_frames(reply.body, 10 * MOST).split()[-1] == b"499999"
    assert query_server.ask(compress_frames(b"SELECT 42"), decompress="1").text == "42\n"
    assert decompress_frames(query_server.ask("SELECT nope", compress="1").body, MOST).startswith(b"Code: 47.")
    assert query_server.ask("SELECT file('x')", compress="1").text.startswith("Code: 497.")


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd", "lz4", "br"])
def test_a_small_body_that_grows_large_is_refused(query_server: QueryServer, encoding: str) -> None:
    """The limit of a body holds for its decompressed size."""
    bomb = pack(b"SELECT 1 " + b" " * 50_000_000, encoding)
    assert query_server.ask(bomb, {"Content-Encoding": encoding}).status in {400, 413, 500}
    assert query_server.ask("SELECT 1").text == "1\n"


@pytest.mark.parametrize("encoding", ["gzip", "lz4", "zstd"])
def test_garbage_for_a_compressed_body_is_refused(query_server: QueryServer, encoding: str) -> None:
    """A body that is not compressed as its header says is answered with an error."""
    assert query_server.ask(b"not compressed", {"Content-Encoding": encoding}).status in {400, 500}
    assert query_server.ask(b"not frames", decompress="1").headers["X-ClickHouse-Exception-Code"] == "271"
    assert (
        query_server.ask(compress_frames(b"SELECT 1")[:-1], decompress="1").headers["X-ClickHouse-Exception-Code"]
        == "271"
    )


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "localhost:8123"}, 200),
        ({"Host": "127.0.0.1"}, 200),
        ({"Host": "[::1]:8123"}, 200),
        ({"Host": "rebound.example"}, 403),
        ({"Host": "localhost.example:8123"}, 403),
        ({"Host": "127.0.0.1.example"}, 403),
        ({"Host": "127.0.0.1@rebound.example"}, 403),
        ({"Host": "localhost:8123", "Origin": "http://localhost:8123"}, 200),
        ({"Host": "localhost:8123", "Origin": "http://localhost:9999"}, 403),
        ({"Host": "localhost:8123", "Origin": "https://evil.example"}, 403),
        ({"Host": "localhost:8123", "Origin": "null"}, 403),
        ({"Host": "localhost:8123", "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Host": "localhost:8123", "Sec-Fetch-Site": "same-site"}, 403),
        ({"Host": "localhost:8123", "Sec-Fetch-Site": "none"}, 200),
    ],
)
def test_web_pages_are_turned_away(query_server: QueryServer, headers: dict[str, str], status: int) -> None:
    """Requests of other sites' pages, and under other host names than localhost, are refused."""
    for reply in (
        query_server.ask("SELECT 1", headers),
        query_server.ask(headers=headers, method="GET", query="SELECT 1"),
    ):
        assert reply.status == status
        assert (reply.text == "1\n") is (status == 200)
        assert "Access-Control-Allow-Origin" not in reply.headers


def test_a_target_may_name_this_machine_and_no_other(query_server: QueryServer) -> None:
    """A target with scheme and host is answered if the host is this machine (RFC 9112, section 3.2.2), else refused."""
    for host, status in (("127.0.0.1", 200), ("localhost:8123", 200), ("rebound.example", 403)):
        assert query_server.ask(path=f"http://{host}/", method="GET", query="SELECT 1").status == status


def test_users_and_keys_are_taken_and_ignored(query_server: QueryServer) -> None:
    """A client that sends a name and a key is not turned away."""
    headers = {
        "X-ClickHouse-User": "u",
        "X-ClickHouse-Key": "k",
        "Authorization": "Basic dTpw",
        "X-ClickHouse-Database": "dlr",
    }
    parameters = {"user": "u", "password": "p", "session_id": "s", "max_result_rows": "5", "wait_end_of_query": "1"}
    assert query_server.ask("SELECT currentDatabase()", headers, **parameters).text == "dlr\n"


def test_a_long_url_is_read(query_server: QueryServer) -> None:
    """A query of a hundred kilobytes may be in the URL."""
    ids = ",".join(f"'m-{number}'" for number in range(10_000))
    reply = query_server.ask(method="GET", query=f"SELECT count() FROM reports WHERE message_id IN ({ids})")
    assert reply.text == "1000\n"


@pytest.mark.parametrize("content_type", ["text/plain", "multipart/form-data; boundary=x"])
def test_stalled_queries_are_given_up(query_server: QueryServer, content_type: str) -> None:
    """A long query that does not go on arriving is answered with a time-out, and others are answered meanwhile."""
    head = f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\nContent-Length: 3000000\r\n\r\n"
    with ExitStack() as opened:
        stalled = [
            opened.enter_context(socket.create_connection(("127.0.0.1", query_server.port), timeout=60))
            for _ in range(20)
        ]
        for client in stalled:
            client.sendall(head.encode() + b"--x\r\n" + b" " * 2_000)
        assert query_server.ask("SELECT 1").text == "1\n"
        for client in stalled:
            assert client.makefile("rb").readline().split()[1] in {b"408", b"500", b"503"}


def test_bytes_that_are_no_text_are_refused(query_server: QueryServer) -> None:
    """A query that is not UTF-8 gets an error."""
    assert query_server.ask(b"SELECT '\xff'").status == 400
    with socket.create_connection(("127.0.0.1", query_server.port)) as client:
        client.sendall(b"GET /?query=SELECT%20%27%FF%27 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert client.makefile("rb").readline().split()[1] in {b"200", b"400"}


def test_native_blocks_at_a_revision_have_what_clients_read(query_server: QueryServer) -> None:
    """A client that names its protocol revision gets blocks with their info and each column's serialization kind."""
    sql = "SELECT toUInt8(1) AS check, 'x' AS s FORMAT Native"
    plain = b"\x02\x01\x05check\x05UInt8\x01\x01s\x06String\x01x"
    assert query_server.ask(sql).body == plain
    info = b"\x01\x00\x02\xff\xff\xff\xff\x00"
    assert query_server.ask(sql, client_protocol_version="54405").body == info + plain
    kinds = b"\x02\x01\x05check\x05UInt8\x00\x01\x01s\x06String\x00\x01x"
    assert query_server.ask(sql, client_protocol_version="54460").body == info + kinds
    assert query_server.ask("SELECT 1 WHERE 0 FORMAT Native", client_protocol_version="54460").body == b""
    assert (
        b"DateTime('UTC')"
        in query_server.ask("SELECT seen_at FROM reports FORMAT Native", client_protocol_version="54460").body
    )
    shown = query_server.ask("SHOW TABLES FORMAT Native", client_protocol_version="54460").body
    assert shown.startswith(info + b"\x01\x03\x04name\x06String\x00\x08failures")
    assert query_server.ask("SELECT 1", client_protocol_version="x").text == "1\n"
