"""
Attacks on the query interface: ways to files, to other servers, to other people's queries, and past the limits.

Each has to be refused before the engine sees it. That nothing happened is seen from outside: a canary file is in no
answer, no file appears, and a listening server gets no call. The same attacks succeed where the query server is not guarded.
"""

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.ingest.query.fixtures import QueryServer
from tests.ingest.query.guard.attacks.limits import PASS_THE_LIMITS
from tests.ingest.query.guard.attacks.others import LEARN_OF_OTHERS
from tests.ingest.query.guard.attacks.reading import READ_BY_FUNCTION, READ_BY_TABLE
from tests.ingest.query.guard.attacks.servers import REACH_A_SERVER
from tests.ingest.query.guard.attacks.writing import WRITE

CANARY = "canary-4711-content"

#: ClickHouse's codes that the guard answers with; the engine's own refusals have others.
REFUSALS = {"46", "62", "73", "497"}


@dataclass(frozen=True)
class Outside:
    """The targets of an attack: a file, a folder to write to, and a server."""

    folder: Path
    server: socket.socket

    def fill(self, attack: str) -> str:
        """Put the places into an attack."""
        places = {"<canary>": self.folder / "canary.txt", "<out>": self.folder / "out", "<folder>": self.folder}
        for name, place in places.items():
            attack = attack.replace(name, str(place))
        return attack.replace("<server>", f"127.0.0.1:{self.server.getsockname()[1]}")

    def is_untouched(self) -> bool:
        """Tell whether nothing was written, and nobody called."""
        try:
            self.server.accept()
        except BlockingIOError:
            return [file.name for file in self.folder.iterdir()] == ["canary.txt"]
        return False


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    """Lay out the canary, and listen."""
    folder = tmp_path_factory.mktemp("outside")
    (folder / "canary.txt").write_text(CANARY + "\n")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        yield Outside(folder, server)


ATTACKS = READ_BY_FUNCTION + READ_BY_TABLE + WRITE + REACH_A_SERVER + LEARN_OF_OTHERS + PASS_THE_LIMITS


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack[:60])
def test_an_attack_is_refused_before_the_engine_sees_it(
    query_server: QueryServer, outside: Outside, attack: str
) -> None:
    """Anything but a single query to the store's own tables is refused, and nothing happens."""
    reply = query_server.ask(outside.fill(attack), param_t="reports", param_f="file")
    assert reply.headers.get("X-ClickHouse-Exception-Code") in REFUSALS | {"167"}, reply.text[:300]
    assert reply.status in {400, 403, 404}
    assert CANARY not in reply.text
    assert outside.is_untouched()


@pytest.mark.parametrize("name", ["`<canary>`", "'<canary>'", "json", "os", "file", "processes"])
def test_a_bare_name_is_only_ever_a_table_of_the_store(query_server: QueryServer, outside: Outside, name: str) -> None:
    """No file, Python variable or table of another database stands in for a table that is missing."""
    for query in ("SELECT * FROM <>", "DESCRIBE TABLE <>", "SELECT 1 IN <>", "SHOW CREATE TABLE <>"):
        reply = query_server.ask(outside.fill(query.replace("<>", name)))
        assert reply.status in {400, 403, 404, 500}
        assert CANARY not in reply.text


def test_a_query_is_one_whether_in_the_url_or_the_body(query_server: QueryServer, outside: Outside) -> None:
    """URL and body are one text, and are judged as one."""
    for query, body in (("SELECT file(", "'<canary>')"), ("SELECT 1", "; SELECT 2"), ("SELECT 1 --", "\n;SELECT 2")):
        reply = query_server.ask(outside.fill(body), query=outside.fill(query))
        assert reply.headers["X-ClickHouse-Exception-Code"] in REFUSALS
    reply = query_server.ask(method="GET", query=outside.fill("SELECT file('<canary>')"))
    assert reply.status == 403


@pytest.mark.parametrize("name", ["Template", "CapnProto", "Dataframe", "nonsense"])
def test_a_format_by_url_or_header_is_judged_too(query_server: QueryServer, name: str) -> None:
    """The output format is judged wherever it is named."""
    assert query_server.ask("SELECT 1", default_format=name).status == 404
    assert query_server.ask("SELECT 1", {"X-ClickHouse-Format": name}).status == 404


@pytest.mark.parametrize("database", ["system", "default`; DROP", "information_schema", "other"])
def test_another_database_is_no_ones_current(query_server: QueryServer, database: str) -> None:
    """The current database is the store's, so that a bare name means one of its tables."""
    for reply in (
        query_server.ask("SELECT 1", database=database),
        query_server.ask("SELECT 1", {"X-ClickHouse-Database": database}),
    ):
        assert (reply.status, reply.headers["X-ClickHouse-Exception-Code"]) == (404, "81")
    assert query_server.ask("SELECT count() FROM reports", database="default").text == "1000\n"


def test_the_urls_settings_loosen_nothing(query_server: QueryServer) -> None:
    """Settings in the URL can't loosen a limit."""
    loose: dict[str, Any] = {
        "readonly": "0",
        "max_execution_time": "0",
        "max_result_rows": "0",
        "max_memory_usage": "0",
        "user": "x",
    }
    value = "SELECT value FROM system.settings WHERE name = 'max_execution_time'"
    assert query_server.ask(value, **loose).text == "3\n"
    assert query_server.ask("SELECT number FROM numbers(1000001)", **loose).status == 500
    assert query_server.ask("DROP TABLE reports", **loose).status == 403


def test_the_attacks_succeed_without_the_guard(writable_server: QueryServer, tmp_path: Path) -> None:
    """Without the guard, the engine reads the canary and writes a file: their absence above is the guard's doing."""
    canary, out = tmp_path / "canary.txt", tmp_path / "out"
    canary.write_text(CANARY)
    for attack in (f"SELECT file('{canary}')", f"SELECT arrayMap(file, ['{canary}'])"):
        assert CANARY in writable_server.ask(attack).text
    writable_server.ask(f"SELECT 1 INTO OUTFILE '{out}'")
    assert out.exists()
