"""What the receiver logs of what strangers send."""

import pytest
import structlog

from ingest.logs import SeldomLog


def test_a_flood_is_one_line_that_says_how_many_there_were(monkeypatch: pytest.MonkeyPatch) -> None:
    """An event that strangers can cause at will is logged every ten seconds at most, kind by kind, and counted."""
    now = 1000.0
    monkeypatch.setattr("ingest.logs.time.monotonic", lambda: now)
    with structlog.testing.capture_logs() as lines:
        log = SeldomLog(structlog.get_logger())
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
