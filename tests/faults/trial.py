"""One trial: steady traffic, a fault every so often, and in the end every count."""

import itertools
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.faults.faults import Fault
from tests.faults.resources import Sample, lag, take
from tests.program.running import Ask, Program, counts
from tests.program.traffic import Client, Traffic
from tests.waiting import wait_until

_SETTLE_SECONDS = 120


@dataclass
class Outcome:
    """The result of a trial."""

    acknowledged: int
    stored: int
    slowest_seconds: float
    faults: list[str]
    #: Looks while the program was whole: right before each fault, and in the end.
    samples: list[Sample] = field(default_factory=list)

    def growth_mib(self) -> float:
        """How much more memory the last quarter of the looks shows than the second quarter, in the median."""
        quarter = max(1, len(self.samples) // 4)
        early, late = self.samples[quarter : 2 * quarter], self.samples[-quarter:]
        return _median_memory(late) - _median_memory(early)

    def more_descriptors(self) -> int:
        """How many more descriptors the last look shows than the second one."""
        return self.samples[-1].descriptors - self.samples[1].descriptors


def run(
    program: Program, faults: Mapping[str, Fault], *, seconds: float, every_seconds: float, reports_per_second: float
) -> Outcome:
    """
    Post to a running program for so long, with a fault every `every_seconds`, and count.

    Raises AssertionError where an acknowledged report is missing, one is stored that was not sent, or counts differ.
    """
    began = time.monotonic()
    names: list[str] = []
    samples: list[Sample] = []
    coming = itertools.cycle(faults.items())
    with Traffic(lambda: program.receiver, reports_per_second=reports_per_second) as traffic:
        while time.monotonic() - began < seconds:
            time.sleep(every_seconds)
            program.wait_until_ready()
            samples.append(take(program, time.monotonic() - began))
            name, fault = next(coming)
            names.append(name)
            fault()
    program.wait_until_ready()
    _wait_for_no_lag(program)
    samples.append(take(program, time.monotonic() - began))
    stored = _check(program.ask, traffic.clients)
    return Outcome(traffic.acknowledged, stored, traffic.slowest_seconds, names, samples)


def _wait_for_no_lag(program: Program) -> None:
    wait_until(lambda: lag(program) == 0, seconds=_SETTLE_SECONDS, shown=lambda: f"{lag(program)} records still wait")


def _check(ask: Ask, clients: Sequence[Client]) -> int:
    """Compare each client's reports with the store; return how many are stored."""
    rows = ask(
        "SELECT splitByChar('-', message_id)[1] AS client, count() AS reports, uniqExact(message_id) AS ids,"
        " max(toUInt64(splitByChar('-', message_id)[2])) + 1 AS end FROM reports GROUP BY client"
    )
    found = {row["client"]: row for row in rows}
    for client in clients:
        row = found.get(client.name, {"reports": 0, "ids": 0, "end": 0})
        reports, ids, end = (int(row[name]) for name in ("reports", "ids", "end"))
        assert reports == ids, f"{client.name}: {reports - ids} reports are counted twice"
        assert ids == end, f"{client.name}: {end - ids} reports are missing"
        assert client.acknowledged <= end <= client.sent, f"{client.name}: {client.acknowledged}, {end}, {client.sent}"
    stored = sum(int(row["reports"]) for row in rows)
    assert counts(ask) == {stored}
    return stored


def _median_memory(samples: Sequence[Sample]) -> float:
    return statistics.median(sample.memory_mib for sample in samples)
