"""The walls behind the guard: the engine's own parser, and connections that can only read."""

import json
import subprocess
import sys
from pathlib import Path

from tests.ingest.query.guard.attacks.writing import WRITE
from tests.ingest.query.test_questions import QUESTIONS

#: Runs in a process of its own, as every engine does: asks a connection of the query server, with no guard before it.
PROBE = """
import json, sys
from pathlib import Path
import chdb
from sinks.clickhouse.readonly import QueryError, ReadOnlyEngine
from tests.ingest.query.serve import SCHEMA

path = Path(sys.argv[1])
store = chdb.connect(str(path.resolve()))
for statement in SCHEMA.split(";\\n"):
    store.query(statement)
connection = ReadOnlyEngine(path)._connections[0]
for sql in json.load(sys.stdin):
    reads_only, error = connection.reads_only(sql), ""
    if reads_only:  # as the query interface does: nothing else reaches the connection
        try:
            connection.query(sql)
        except QueryError as failure:
            error = str(failure)
    print(json.dumps([reads_only, error]))
"""


def probe(folder: Path, statements: list[str]) -> list[tuple[bool, str]]:
    """Return for each statement whether the engine's parser takes it for reading, and the engine's error."""
    process = subprocess.run(
        [sys.executable, "-c", PROBE, str(folder)],
        input=json.dumps(statements),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=Path(__file__).parents[3],
    )
    return [tuple(json.loads(line)) for line in process.stdout.splitlines()]


def test_the_engine_itself_refuses_to_write(tmp_path: Path) -> None:
    """Without the guard, a statement that writes is recognized by the engine's parser, or refused by the connection."""
    attacks = [attack.replace("<out>", str(tmp_path / "out")).replace("<canary>", "/nowhere") for attack in WRITE]
    for attack, (reads_only, error) in zip(attacks, probe(tmp_path / "engine", attacks), strict=True):
        assert not reads_only or error or attack.startswith(("EXPLAIN", "CHECK")), attack
    assert not (tmp_path / "out").exists()


def test_the_engine_itself_takes_questions_for_reading(tmp_path: Path) -> None:
    """The engine's parser agrees with the guard on what only reads."""
    for query, (reads_only, error) in zip(QUESTIONS, probe(tmp_path / "engine", QUESTIONS), strict=True):
        assert reads_only, query
        assert not error, query


def test_a_connection_can_not_be_made_to_write(tmp_path: Path) -> None:
    """No statement on a query server's connection lets it write, create or define anything."""
    changes = ["SET readonly = 0", "SELECT 1 SETTINGS readonly = 0", "SET allow_ddl = 1", "DROP TABLE dlr.reports"]
    for reads_only, error in probe(tmp_path / "engine", changes):
        assert error or not reads_only


def test_settings_of_a_query_end_with_it(tmp_path: Path) -> None:
    """The settings of a query's SETTINGS clause do not reach the next query on its connection."""
    queries = ["SELECT 1 SETTINGS max_result_rows = 5", "SELECT number FROM numbers(10)"]
    assert [error for _, error in probe(tmp_path / "engine", queries)] == ["", ""]
