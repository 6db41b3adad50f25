"""Log lines about requests of strangers."""

import logging

import orjson
import pytest
import structlog

from ingest import logs
from ingest.logs import SeldomLog
from normalizers.secrets import SecretMask


def test_a_flood_is_one_line_that_says_how_many_there_were() -> None:
    """An event that strangers can cause at will is logged every ten seconds at most, kind by kind, and counted."""
    now = 1000.0
    with structlog.testing.capture_logs() as lines:
        log = SeldomLog(structlog.get_logger(), clock=lambda: now)
        for _ in range(500):
            log.warning("forbidden callback", provider="cm", account="acme")
        log.warning("forbidden callback", provider="cm", account="other")
        now += 11
        log.warning("forbidden callback", provider="cm", account="acme")
    assert [(line["account"], line.get("held_back")) for line in lines] == [
        ("acme", None),
        ("other", None),
        ("acme", 499),
    ]


def test_a_line_begins_with_when_how_grave_who_and_what(capsys: pytest.CaptureFixture[str]) -> None:
    """Log lines begin with time, level, process and event; their own fields follow in the order given."""
    logs.set_up("tester")
    try:
        structlog.get_logger().info("ready", zebra=1, apple=2)
    finally:
        structlog.reset_defaults()
        structlog.contextvars.clear_contextvars()
        logging.basicConfig(force=True, handlers=[logging.NullHandler()])
    line = orjson.loads(capsys.readouterr().err)
    assert list(line) == ["timestamp", "level", "process", "event", "zebra", "apple"]


def test_no_line_shows_a_secret(capfd: pytest.CaptureFixture[str]) -> None:
    """A secret of the settings is masked in every line, a library's too, and an exception is told by its type alone."""
    logs.set_up("test", SecretMask(["hush-a-secret"]))
    try:
        structlog.get_logger().error("refused", error="http://user:hush%2Da%2Dsecret@host/")
        logging.getLogger("library").warning("no access with %s", "hush-a-secret")
        error = ValueError("GET /callbacks/cm/default/hush-a-secret?GSM=00447911123456")
        logging.getLogger("aiohttp.server").error("Error handling request %s", "00447911123456", exc_info=error)
    finally:
        structlog.reset_defaults()
        structlog.contextvars.clear_contextvars()
        logging.basicConfig(force=True, handlers=[logging.NullHandler()])
    printed = capfd.readouterr().err
    assert printed.count("***") == 2
    assert "ValueError" in printed
    assert "hush" not in printed
    assert "7911123456" not in printed
