"""
The long form of the trials: `python -m tests.faults [--stream kafka] [--minutes 60] [--every 60] [--rate 2000]`.

It runs the program in a folder of its own, with a fault a minute and a steady rate (choose about half of what the
machine can take), and prints memory, descriptors and lag before each fault, and the counts in the end.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.faults import faults_of
from tests.faults.trial import Outcome, run
from tests.program.running import Program, kafka_settings
from tests.sinks.kafka.broker import Broker


def main() -> None:
    """Run one trial, and print what it showed."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--stream", choices=("journal", "kafka"), default="journal")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--every", type=float, default=60, help="seconds between two faults")
    parser.add_argument("--rate", type=float, default=2000, help="reports a second")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, _running(Path(folder), chosen.stream) as (program, broker):
        outcome = run(
            program,
            faults_of(program, broker),
            seconds=60 * chosen.minutes,
            every_seconds=chosen.every,
            reports_per_second=chosen.rate,
        )
    sys.stdout.write(_describe(outcome))


@contextmanager
def _running(folder: Path, stream: str) -> Iterator[tuple[Program, Broker | None]]:
    if stream == "journal":
        with Program(folder) as program:
            yield program, None
        return
    with Broker(folder / "kafka") as broker:
        settings = kafka_settings(broker.bootstrap, "faults", partitions=12)
        with Program(folder / "program", settings=settings) as program:
            yield program, broker


def _describe(outcome: Outcome) -> str:
    lines = ["seconds  memory MiB  descriptors     lag  then"]
    for sample, fault in zip(outcome.samples, [*outcome.faults, "the end"], strict=True):
        lines.append(
            f"{sample.seconds:7.0f}  {sample.memory_mib:10.0f}  {sample.descriptors:11}  {sample.lag:6}  {fault}"
        )
    lines += [
        f"acknowledged {outcome.acknowledged}, stored {outcome.stored}, none missing, none twice",
        f"slowest answer {outcome.slowest_seconds:.1f} s, repetitions included",
        f"memory: {outcome.growth_mib():+.0f} MiB from the second quarter to the last one",
        f"descriptors: {outcome.more_descriptors():+}",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
