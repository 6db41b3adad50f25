"""The short form of the trials, of some seconds each: every fault once. `python -m tests.faults` is the long form."""

from collections.abc import Mapping
from pathlib import Path

from tests.faults.faults import Fault, faults_of
from tests.faults.trial import run
from tests.program.running import Program, kafka_settings
from tests.sinks.kafka.broker import Broker

EVERY_SECONDS = 1.0
REPORTS_PER_SECOND = 200


def endure(program: Program, faults: Mapping[str, Fault]) -> None:
    """Have each fault once under load; every acknowledged report is stored once, and no descriptors are left open."""
    outcome = run(
        program,
        faults,
        seconds=len(faults) * EVERY_SECONDS,
        every_seconds=EVERY_SECONDS,
        reports_per_second=REPORTS_PER_SECOND,
    )
    assert outcome.acknowledged > 0
    assert outcome.more_descriptors() < 50


def test_every_fault_of_the_embedded_program(tmp_path: Path) -> None:
    """With journal and embedded store, acknowledged reports are stored once, though processes are killed or frozen."""
    with Program(tmp_path) as program:
        endure(program, faults_of(program))


def test_every_fault_over_kafka(tmp_path: Path, kafka_broker: Broker, name: str) -> None:
    """The same over Kafka, whose broker is killed and frozen, too."""
    with Program(tmp_path, settings=kafka_settings(kafka_broker.bootstrap, name, partitions=4)) as program:
        endure(program, faults_of(program, kafka_broker))
