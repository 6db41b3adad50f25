"""Renormalizing and replaying with Kafka as the stream and a ClickHouse server as the store."""

from pathlib import Path

from tests.ingest.query.fixtures import QueryServer
from tests.program.history import (
    Rows,
    made,
    post_history,
    post_unread,
    right_settings,
    set_up,
    stored,
    unread,
    wrong_settings,
)
from tests.program.running import Ask, Program, Server, kafka_settings
from tests.waiting import wait_until

REPORTS, LETTERS = 300, 20
WAIT_SECONDS = 30


def _wait_for(ask: Ask, sql: str, wanted: int) -> None:
    wait_until(lambda: int(ask(f"SELECT ({sql}) AS n")[0]["n"]) == wanted, seconds=WAIT_SECONDS, shown=lambda: sql)


def _read_again(program: Program, ask: Ask) -> None:
    """Run both commands twice; the second time there is nothing to do."""
    assert f"{REPORTS // 2} changed" in program.call("renormalize")
    program.call("dead-letters", "replay", "--all")
    _wait_for(ask, "SELECT countIf(revision = 1) FROM reports", REPORTS // 2)
    _wait_for(ask, "SELECT countIf(resolved_at IS NOT NULL) FROM dead_letters", LETTERS)
    assert " 0 changed" in program.call("renormalize")
    assert program.call("dead-letters", "replay", "--all") == ""


def test_reading_again_goes_through_kafka(tmp_path: Path, kafka: str, writable_server: QueryServer, name: str) -> None:
    """After renormalizing and replaying through Kafka, every row equals that of an embedded run with right settings."""
    server = Server(writable_server, name)
    settings = kafka_settings(kafka, name, partitions=2) | server.settings
    receiver, drain = (Program(tmp_path, command, settings) for command in (("ingest",), ("drain",)))
    set_up(receiver, wrong_settings())
    with drain, receiver:
        post_history(receiver, REPORTS)
        post_unread(receiver, LETTERS)
        _wait_for(server.ask, "SELECT count() FROM reports", REPORTS)
        _wait_for(server.ask, "SELECT count() FROM dead_letters", LETTERS)
        set_up(receiver, right_settings())
        _read_again(receiver, server.ask)
        found = stored(server.ask, without_clocks=True)
        assert receiver.stop() == drain.stop() == 0
    assert found == _expected(tmp_path / "embedded")


def _expected(folder: Path) -> dict[str, Rows]:
    """Return the history as an embedded program stores it under the right settings."""
    with made(folder, right_settings()) as embedded:
        post_history(embedded, REPORTS)
        for path in unread(LETTERS):
            assert embedded.callback(path)[0] == 200
        embedded.wait_until_drained()
        rows = stored(embedded.ask, without_clocks=True)
    for report in rows["reports"]:
        if report["message_id"].startswith("l"):
            report["source"] = "replay"
    return rows
