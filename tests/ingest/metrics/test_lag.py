"""The lag counts the records that wait, whichever process is down."""

import pytest

from ingest.metrics.catalogue import ALL, BUILD_INFO, DRAIN_STALLED, SPILL_RECORDS, STORE_ROWS, STREAM_LAG, build_info
from ingest.metrics.lag import LagMeter
from ingest.metrics.series import Totals
from sinks.errors import BusyError


class Stream:
    """A stream with a lag that a test sets; None while nobody can tell it."""

    def __init__(self, lag: int | None) -> None:
        """Begin with this lag."""
        self.waiting = lag

    async def lag(self) -> int:
        """Return it."""
        if self.waiting is None:
            raise BusyError("away")
        return self.waiting


def told(totals: Totals) -> list[float]:
    """Return the samples of the lag."""
    return [sample.value for family in totals.collect() if family.name == STREAM_LAG.name for sample in family.samples]


async def test_what_waits_in_every_stream_is_added_up() -> None:
    """The lag is what waits in the journals and in Kafka."""
    totals = Totals(ALL)
    await LagMeter(totals).measure([Stream(3).lag, Stream(4).lag])
    assert told(totals) == [7]


async def test_what_waits_for_kafka_on_the_disk_is_not_in_the_store_either() -> None:
    """The lag counts the records of the spill, of every receiver."""
    totals = Totals(ALL)
    for receiver, spilled in (("receiver-0", 5), ("receiver-1", 6)):
        totals.update(receiver, {SPILL_RECORDS.name: [((), spilled)]})
    await LagMeter(totals).measure([Stream(3).lag])
    assert told(totals) == [14]


async def test_a_stream_that_can_t_be_asked_keeps_its_lag() -> None:
    """While a stream is away what waited there still counts; before it was ever asked, no 0 is told."""
    totals, journal, kafka = Totals(ALL), Stream(0), Stream(None)
    sources, meter = [journal.lag, kafka.lag], LagMeter(totals)
    await meter.measure(sources)
    assert told(totals) == []
    kafka.waiting = 5
    await meter.measure(sources)
    kafka.waiting, journal.waiting = None, 2
    await meter.measure(sources)
    assert told(totals) == [7]


@pytest.mark.parametrize("progress", ["rows", "lag", "nothing"])
async def test_progress_is_rows_or_a_lag_that_falls(progress: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A drain that stores nothing for 30 s is not ready, unless the lag falls because another drain stores."""
    clock = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    totals, stream = Totals(ALL), Stream(9)
    meter = LagMeter(totals)
    await meter.measure([stream.lag])
    clock[0] += 31
    if progress == "rows":
        totals.update("store", {STORE_ROWS.name: [(("reports",), 5)]})
    if progress == "lag":
        stream.waiting = 8
    await meter.measure([stream.lag])
    assert meter.fault() == ("" if progress != "nothing" else "stores nothing for 31 s, though 9 records wait")


@pytest.mark.parametrize("drains", [True, False])
async def test_a_store_process_that_hangs_is_told(monkeypatch: pytest.MonkeyPatch, *, drains: bool) -> None:
    """How long nothing was stored is a series that needs no word of the store process; without a drain there is none."""
    clock = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    totals, stream = Totals(ALL), Stream(9)
    meter = LagMeter(totals, drains=drains)
    await meter.measure([stream.lag])
    clock[0] += 31
    await meter.measure([stream.lag])
    assert totals.values(DRAIN_STALLED) == ({(): 31.0} if drains else {})


async def test_a_drain_that_says_that_it_is_stuck_is_believed() -> None:
    """A drain's own report that it is stuck counts, even if another drain of its group makes progress."""
    totals = Totals(ALL)
    meter = LagMeter(totals)
    totals.update("store", {DRAIN_STALLED.name: [((), 31.0)]})
    await meter.measure([Stream(0).lag])
    assert meter.fault() == "stores nothing for 31 s, though some records wait"


def test_the_version_is_a_series() -> None:
    """`dlr_build_info` names the version that runs."""
    [(labels, value)] = build_info()[BUILD_INFO.name]
    assert len(labels) == len(BUILD_INFO.labels)
    assert value == 1
