"""The promise, on the parts of the program spread out: receivers, a real Kafka, two drains, and a store over HTTP."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import orjson
import pytest

from tests.ingest.query.fixtures import QueryServer
from tests.program.providers import Providers
from tests.program.running import Program, Server, counts, kafka_settings
from tests.program.test_kills import wait_for_metric
from tests.sinks.kafka.broker import Broker

GROUP_SECONDS = 120
STALL_SECONDS = 8


class Parts:
    """Receivers and two drains on one broker and one server."""

    def __init__(self, folder: Path, bootstrap: str, query_server: QueryServer, database: str) -> None:
        """Set the parts up; nothing runs yet."""
        server = Server(query_server, database)
        self.ask = server.ask
        settings = kafka_settings(bootstrap, database, partitions=4) | server.settings
        self.ingest, self.first, self.second = (
            Program(_made(folder / name), command, settings)
            for name, command in (
                ("ingest", ("ingest", "--workers", "2")),
                ("first", ("drain",)),
                ("second", ("drain",)),
            )
        )

    def stored(self) -> set[str]:
        """Return the ids in the store."""
        return {row["message_id"] for row in self.ask("SELECT message_id FROM reports")}

    def wait_for(self, ids: set[str]) -> None:
        """Return once the store has these reports."""
        deadline = time.monotonic() + GROUP_SECONDS
        while missing := ids - self.stored():
            assert time.monotonic() < deadline, f"{len(missing)} of {len(ids)} are missing"
            time.sleep(0.2)

    def metric(self, program: Program, name: str) -> float:
        """Return one metric without labels."""
        lines = program.get(program.admin, "/metrics")[1].decode().splitlines()
        return next(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name} "))


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


@pytest.fixture
def parts(tmp_path: Path, kafka_broker: Broker, writable_server: QueryServer, name: str) -> Iterator[Parts]:
    """Run the parts."""
    parts = Parts(tmp_path, kafka_broker.bootstrap, writable_server, name)
    with ExitStack() as running:
        for program in (parts.first, parts.second, parts.ingest):
            running.enter_context(program)
        yield parts


def test_whatever_fails_nothing_acknowledged_is_lost_or_doubled(parts: Parts, kafka_broker: Broker) -> None:
    """With drains, receivers and broker killed and frozen in turn, what was acknowledged is in the store once."""
    providers = Providers(parts.ingest)
    providers.start()
    try:
        _more(providers)
        _let_everything_fail(parts, kafka_broker, providers)
    finally:
        providers.stop()
    parts.wait_for(providers.acknowledged)
    held = parts.stored()
    assert held <= providers.sent
    assert counts(parts.ask) == {len(held)}
    _wait_for_metric(parts, parts.ingest, "dlr_spill_records", zero=True)
    _wait_for_metric(parts, parts.first, "dlr_stream_lag_records", zero=True)
    assert parts.ingest.stop() == 0
    assert parts.first.stop() == 0


def test_a_stalled_broker_costs_neither_answers_nor_memory(parts: Parts, kafka_broker: Broker) -> None:
    """While the broker stands still reports are acknowledged from the spill, and the receivers don't grow."""
    providers = Providers(parts.ingest, pause_seconds=0.25)
    providers.start()
    try:
        _more(providers)
        before, resident = len(providers.acknowledged), _resident_mib(parts.ingest)
        kafka_broker.pause()
        time.sleep(STALL_SECONDS)
        assert len(providers.acknowledged) - before > 50 * STALL_SECONDS
        assert parts.metric(parts.ingest, "dlr_spill_records") > 0
        assert _resident_mib(parts.ingest) < resident + 30
        kafka_broker.resume()
        _more(providers)
    finally:
        providers.stop()
    assert providers.slowest_seconds < 4, "one wait for a confirmation, of one second"
    parts.wait_for(providers.acknowledged)
    assert counts(parts.ask) == {len(providers.acknowledged)}
    _wait_for_metric(parts, parts.ingest, "dlr_spill_records", zero=True)


def test_lag_is_told_though_no_drain_runs(tmp_path: Path, kafka: str, name: str) -> None:
    """A receiver alone tells what waits in Kafka for the store."""
    with Program(tmp_path, ("ingest",), kafka_settings(kafka, name, partitions=1)) as program:
        items = [{"flag": 1, "mid": f"m-{number}", "mobile": "18983437011", "stat": "DELIVRD"} for number in range(7)]
        assert program.callback("juhe", orjson.dumps(items))[0] == 200
        wait_for_metric(program, "dlr_stream_lag_records 7.0")
        assert program.stop() == 0


def _resident_mib(program: Program) -> float:
    """Return the memory that a program's processes hold."""
    assert program.process is not None
    shown = subprocess.run(
        ["ps", "-o", "rss=", "-g", str(program.process.pid)], capture_output=True, text=True, check=True
    )
    return sum(map(int, shown.stdout.split())) / 1024


def _let_everything_fail(parts: Parts, broker: Broker, providers: Providers) -> None:
    broker.pause()  # what a drain inserts now it can't commit
    _more(providers)
    parts.first.kill()
    broker.resume()
    _more(providers)
    parts.ingest.kill()
    parts.ingest.start()
    _more(providers)
    broker.kill()
    _more(providers)
    _wait_for_metric(parts, parts.ingest, "dlr_spill_records", zero=False)
    broker.start()
    parts.second.kill()
    parts.first.start()
    _more(providers)


def _more(providers: Providers, count: int = 300) -> None:
    """Return once `count` more reports are acknowledged."""
    wanted = len(providers.acknowledged) + count
    deadline = time.monotonic() + GROUP_SECONDS
    while len(providers.acknowledged) < wanted:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _wait_for_metric(parts: Parts, program: Program, name: str, *, zero: bool) -> None:
    deadline = time.monotonic() + GROUP_SECONDS
    while (parts.metric(program, name) == 0) is not zero:
        assert time.monotonic() < deadline, name
        time.sleep(0.2)
