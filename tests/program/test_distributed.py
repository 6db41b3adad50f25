"""No acknowledged report is lost or counted twice, with receivers, Kafka, two drains and a ClickHouse server."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import orjson
import pytest

from tests.ingest.query.fixtures import QueryServer
from tests.program.running import Program, Server, counts, kafka_settings, stored_ids
from tests.program.traffic import Traffic
from tests.sinks.kafka.broker import Broker
from tests.waiting import wait_until

GROUP_SECONDS = 120
STALL_SECONDS = 8


class Parts:
    """Receivers and two drains on one broker and one server."""

    def __init__(self, folder: Path, bootstrap: str, query_server: QueryServer, database: str) -> None:
        """Prepare the parts."""
        server = Server(query_server, database)
        self.ask = server.ask
        settings = kafka_settings(bootstrap, database, partitions=4) | server.settings
        self.ingest, self.first, self.second = (
            Program(folder / name, command, settings)
            for name, command in (
                ("ingest", ("ingest", "--workers", "2")),
                ("first", ("drain",)),
                ("second", ("drain",)),
            )
        )

    def wait_for(self, ids: set[str]) -> None:
        """Return once the store has these reports."""
        wait_until(lambda: ids <= stored_ids(self.ask), seconds=GROUP_SECONDS)


@pytest.fixture
def parts(tmp_path: Path, kafka_broker: Broker, writable_server: QueryServer, name: str) -> Iterator[Parts]:
    """Run the parts."""
    parts = Parts(tmp_path, kafka_broker.bootstrap, writable_server, name)
    with ExitStack() as running:
        for program in (parts.first, parts.second, parts.ingest):
            running.enter_context(program)
        yield parts


def test_no_fault_loses_or_doubles_an_acknowledged_report(parts: Parts, kafka_broker: Broker) -> None:
    """While drains, receivers and broker are killed and frozen, every acknowledged report is stored once."""
    with Traffic(lambda: parts.ingest.receiver, reports_per_second=1000) as traffic:
        traffic.wait_for_more()
        _let_everything_fail(parts, kafka_broker, traffic)
    parts.wait_for(traffic.acknowledged_ids())
    held = stored_ids(parts.ask)
    assert held <= traffic.sent_ids()
    assert counts(parts.ask) == {len(held)}
    wait_until(lambda: parts.ingest.metric("dlr_spill_records") == 0, seconds=GROUP_SECONDS)
    wait_until(lambda: parts.first.metric("dlr_stream_lag_records") == 0, seconds=GROUP_SECONDS)
    assert parts.ingest.stop() == 0
    assert parts.first.stop() == 0


def test_a_stalled_broker_costs_neither_answers_nor_memory(parts: Parts, kafka_broker: Broker) -> None:
    """While the broker is frozen, reports are acknowledged from the spill, and the receivers' memory does not grow."""
    with Traffic(lambda: parts.ingest.receiver, reports_per_second=200) as traffic:
        traffic.wait_for_more()
        before, resident = traffic.acknowledged, _resident_mib(parts.ingest)
        kafka_broker.pause()
        time.sleep(STALL_SECONDS)
        assert traffic.acknowledged - before > 50 * STALL_SECONDS
        assert parts.ingest.metric("dlr_spill_records") > 0
        assert _resident_mib(parts.ingest) < resident + 30
        kafka_broker.resume()
        traffic.wait_for_more()
    assert traffic.slowest_seconds < 4, "one wait for a confirmation, of one second"
    parts.wait_for(traffic.acknowledged_ids())
    assert counts(parts.ask) == {traffic.acknowledged}
    wait_until(lambda: parts.ingest.metric("dlr_spill_records") == 0, seconds=GROUP_SECONDS)


def test_a_receiver_measures_the_lag_without_a_drain(tmp_path: Path, kafka: str, name: str) -> None:
    """A receiver alone publishes how many records wait in Kafka."""
    with Program(tmp_path, ("ingest",), kafka_settings(kafka, name, partitions=1)) as program:
        items = [{"flag": 1, "mid": f"m-{number}", "mobile": "18983437011", "stat": "DELIVRD"} for number in range(7)]
        assert program.callback("juhe", orjson.dumps(items))[0] == 200
        wait_until(lambda: program.metric("dlr_stream_lag_records") == 7)
        assert program.stop() == 0


def _resident_mib(program: Program) -> float:
    """Return the resident memory of a program's processes."""
    assert program.process is not None
    shown = subprocess.run(
        ["ps", "-o", "rss=", "-g", str(program.process.pid)], capture_output=True, text=True, check=True
    )
    return sum(map(int, shown.stdout.split())) / 1024


def _let_everything_fail(parts: Parts, broker: Broker, traffic: Traffic) -> None:
    broker.pause()  # inserts of a drain can't be committed now
    traffic.wait_for_more()
    parts.first.kill()
    broker.resume()
    traffic.wait_for_more()
    parts.ingest.kill()
    parts.ingest.start()
    traffic.wait_for_more()
    broker.kill()
    traffic.wait_for_more()
    wait_until(lambda: parts.ingest.metric("dlr_spill_records") > 0, seconds=GROUP_SECONDS)
    broker.start()
    parts.second.kill()
    parts.first.start()
    traffic.wait_for_more()
