"""
How fast dlrhub is, as ratios against a bare aiohttp handler in the same run.

    python -m tests.bench [--rounds 5] [--seconds 4] [--no-kafka]
    python -m tests.bench store [--rows 100000 1000000 10000000]        how the store answers as it grows

Starts a bare handler (`bare.py`), and beside it in turn `dlrhub run` (embedded, fsync on), `dlrhub ingest` alone (the
same without a store on the same cores), and that over a real broker (acks=all), each with one worker and in an empty
folder; lets wrk post the same traffic to both, and prints medians. It asks the stores whether all that was acknowledged
is there. Needs wrk, and Java for Kafka.
"""

import argparse
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.bench.latency import callback_to_row
from tests.bench.load import CONNECTIONS, HERE, Run, wrk
from tests.bench.store import main as measure_store
from tests.program.running import Program, free_port, kafka_settings
from tests.sinks.kafka.broker import Broker

PARTITIONS = 4


class Subject:
    """A receiver that is measured, and what was acknowledged by it."""

    def __init__(self, name: str, receiver: Program, bare: int) -> None:
        """Name what is measured; `bare` is the port of what it is compared with."""
        self.name = name
        self.receiver = receiver
        self._bare = bare
        self.acknowledged = 0
        self.singles: list[tuple[Run, Run]] = []

    def post(self, script: str, seconds: int, *, reports: int = 1, delay_ms: int = 0) -> Run:
        """Post to it, and count the reports that it acknowledged."""
        run = wrk(self.receiver.receiver, script, seconds, delay_ms=delay_ms)
        self.acknowledged += reports * (run.requests - run.failed)
        return run

    def round(self, seconds: int) -> None:
        """Post single reports, to the bare handler and then to it."""
        bare, ours = wrk(self._bare, "single.lua", seconds), self.post("single.lua", seconds)
        self.singles.append((bare, ours))
        ratio = ours.rate / bare.rate
        print(
            f"{self.name:9} bare {bare.rate:7.0f}/s   dlrhub {ours.rate:7.0f}/s   ratio {ratio:.2f}   failed {ours.failed}"
        )

    def report(self, seconds: int) -> None:
        """Post arrays, then half of the load that it can take, and print what all of it gave."""
        arrays = [self.post("batch.lua", seconds, reports=100).rate for _ in range(2)]
        rate = median(ours.rate for _, ours in self.singles)
        pause = round(1000 * CONNECTIONS / (rate / 2) - median(ours.p50_ms for _, ours in self.singles))
        half = [self.post("single.lua", seconds, delay_ms=pause) for _ in range(2)]
        bare = wrk(self._bare, "single.lua", seconds, delay_ms=pause)
        print(
            f"{self.name:9} single reports: {rate:.0f}/s, ratio {median(o.rate / b.rate for b, o in self.singles):.2f}"
        )
        print(f"{self.name:9} arrays of 100: {100 * median(arrays):.0f} reports/s")
        print(
            f"{self.name:9} at half of its load ({median(run.rate for run in half):.0f}/s): p50 {median(run.p50_ms for run in half):.1f} ms,"
            f" p99 {median(run.p99_ms for run in half):.1f} ms (bare {bare.p99_ms:.1f} ms)"
        )


def main() -> None:
    """Measure and print."""
    if sys.argv[1:2] == ["store"]:
        measure_store(sys.argv[2:])
        return
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--seconds", type=int, default=4)
    arguments.add_argument("--no-kafka", action="store_true")
    given = arguments.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("needs wrk (Debian: apt-get install wrk)")
    with tempfile.TemporaryDirectory() as folder, bare_handler() as bare:
        bench = Bench(Path(folder), bare, given.rounds, given.seconds)
        bench.embedded()
        bench.apart("receiver", {})
        if not given.no_kafka:
            bench.kafka()


@contextmanager
def bare_handler() -> Iterator[int]:
    """Run what dlrhub is compared with."""
    port = free_port()
    with subprocess.Popen([sys.executable, str(HERE / "bare.py"), str(port)]) as server:
        try:
            until(lambda: listening(port))
            yield port
        finally:
            server.terminate()


@dataclass(frozen=True)
class Bench:
    """The measurements, in subfolders of `folder`: `rounds` of `seconds` each, against the bare handler at a port."""

    folder: Path
    bare: int
    rounds: int
    seconds: int

    def embedded(self) -> None:
        """Measure `dlrhub run`: the store takes in what is acknowledged, on the same cores."""
        with program(self.folder / "embedded", "run") as run:
            subject = Subject("embedded", run, self.bare)
            for _ in range(self.rounds):
                subject.round(self.seconds)
                settled(run)
            subject.report(self.seconds)
            compare(subject, settled(run))
            size_of(run)
        with program(self.folder / "latency", "run") as run:
            tell_latency("embedded", run, run)

    def apart(self, name: str, stream: dict[str, str]) -> None:
        """Measure `dlrhub ingest` alone, and then `dlrhub drain` on what has come together in the stream."""
        settings = {**stream, "DLRHUB_DATA_DIR": str(self.folder / f"{name}-data")}
        with program(self.folder / f"{name}-ingest", "ingest", settings) as ingest:
            subject = Subject(name, ingest, self.bare)
            subject.post("single.lua", self.seconds)  # a broker's first seconds are its slowest
            for _ in range(self.rounds):
                subject.round(self.seconds)
            subject.report(self.seconds)
            with program(self.folder / f"{name}-drain", "drain", settings) as drain:
                started, first = time.monotonic(), reports_in(drain)
                held = settled(drain)
                rate = (held - first) / (time.monotonic() - started - SETTLED_SECONDS)
                print(f"{name:9} drain: {rate:.0f} rows/s from the stream into the store")
                compare(subject, held)

    def kafka(self) -> None:
        """Measure the same over a broker, and how long a report takes through it."""
        with Broker(self.folder / "broker") as broker:
            self.apart("kafka", kafka_settings(broker.bootstrap, "bench", PARTITIONS))
            stream = kafka_settings(broker.bootstrap, "latency", PARTITIONS)
            with (
                program(self.folder / "latency-ingest", "ingest", stream) as ingest,
                program(self.folder / "latency-drain", "drain", stream) as drain,
            ):
                tell_latency("kafka", ingest, drain)


@contextmanager
def program(folder: Path, command: str, settings: dict[str, str] | None = None) -> Iterator[Program]:
    """Run a command in a folder of its own."""
    with Program(folder, (command,), settings) as started:
        yield started


def tell_latency(name: str, receiver: Program, store: Program) -> None:
    """Print how long a report takes until it can be queried."""
    p50, p99 = callback_to_row(receiver, store)
    print(f"{name:9} from callback to query: p50 {p50:.0f} ms, p99 {p99:.0f} ms (at some 80/s)")


def compare(subject: Subject, held: int) -> None:
    """Print what was acknowledged and what is stored: wrk drops answers when it stops, so that may be more."""
    print(f"{subject.name:9} acknowledged {subject.acknowledged}, stored {held}")
    if held < subject.acknowledged:
        raise SystemExit("LOST: the store holds less than was acknowledged")


def size_of(store: Program) -> None:
    """Print what a report costs on the store's disk."""
    [row] = store.ask(
        "SELECT sum(rows) AS rows, sum(data_compressed_bytes) AS bytes FROM system.parts"
        " WHERE active AND database = 'dlr_store' AND table = 'reports'"
    )
    print(f"embedded  on disk: {int(row['bytes']) / int(row['rows']):.0f} bytes a report")


SETTLED_SECONDS = 2.0


def settled(store: Program) -> int:
    """Wait until the store has stopped growing; return how many reports it holds."""
    held = -1
    while (now := reports_in(store)) != held:
        held = now
        time.sleep(SETTLED_SECONDS)
    return held


def reports_in(store: Program) -> int:
    """Count the reports."""
    return int(store.ask("SELECT count() AS held FROM dlr.reports")[0]["held"])


def listening(port: int) -> bool:
    """Tell whether something listens on a port."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def until(holds: Callable[[], bool]) -> None:
    """Wait for something, half a minute at most."""
    for _ in range(300):
        if holds():
            return
        time.sleep(0.1)
    raise SystemExit("it did not start")


if __name__ == "__main__":
    main()
