"""The metrics of all processes are added up, and the number of series is bounded."""

from collections.abc import Iterator

import orjson
import pytest
import structlog
from prometheus_client import CollectorRegistry, generate_latest

from ingest.metrics import catalogue
from ingest.metrics.series import Counter, Gauge, Histogram, Totals, snapshot
from normalizers.model import Note, Reason, Source, Status
from sinks.stream import Topic
from tests.factories import NOON, make_report


@pytest.fixture(autouse=True)
def _empty() -> Iterator[None]:
    """Begin and end with nothing counted in this process."""
    yield
    for metric in catalogue.ALL:
        metric.values.clear()


def exposed(totals: Totals) -> set[str]:
    """Return the sample lines of a scrape."""
    registry = CollectorRegistry()
    registry.register(totals)
    return {line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")}


def test_processes_are_added_up_and_the_dead_still_count() -> None:
    """A counter never goes back when a process dies and comes again; a gauge forgets the dead."""
    calls, level, took = Counter("calls", "c", ("a",)), Gauge("level", "g"), Histogram("took", "h", (), (1, 2))
    totals = Totals([calls, level, took])
    for value in (0.5, 2, 9):
        took.observe(value)
    calls.add("x", by=2)
    level.set(7)
    said = orjson.loads(orjson.dumps(snapshot([calls, level, took])))
    totals.update("one", said)
    totals.update("two", said)
    assert {'calls_total{a="x"} 4.0', "level 14.0", "took_count 6.0", "took_sum 23.0"} <= exposed(totals)
    totals.end("one")
    totals.end("never seen")
    assert {'calls_total{a="x"} 4.0', "level 7.0", "took_count 6.0"} <= exposed(totals)
    totals.update("one", said)
    lines = exposed(totals)
    assert {'calls_total{a="x"} 6.0', 'took_bucket{le="1"} 3.0', 'took_bucket{le="2"} 6.0'} <= lines
    assert 'took_bucket{le="+Inf"} 9.0' in lines


def test_a_gauge_says_how_processes_become_one() -> None:
    """The last report of all workers is the latest of theirs, not their sum."""
    totals = Totals(catalogue.ALL)
    for process, at in (("a", 5.0), ("b", 3.0)):
        totals.update(process, {"dlr_last_report_timestamp_seconds": [(("cm", "default"), at)]})
    assert 'dlr_last_report_timestamp_seconds{account="default",provider="cm"} 5.0' in exposed(totals)


def test_a_report_counts_once_however_often_it_comes() -> None:
    """Copies of a report change no count that an alert reads; they are counted as what they are."""
    drain = catalogue.DrainMetrics()
    failed = make_report(status=Status.REJECTED, reason=Reason.BLOCKLISTED, unmapped=True, received_at=NOON)
    drain.inserted(Topic.REPORTS, [failed, failed], 0.1)
    drain.inserted(Topic.REPORTS, [failed, make_report()], 0.1)
    assert catalogue.REPORTS.values == {("cm", "default", "rejected"): 1, ("cm", "default", "delivered"): 1}
    assert catalogue.FAILURES.values == {("cm", "default", "blocklisted"): 1}
    assert catalogue.UNMAPPED.values == {("cm",): 1}
    assert catalogue.DUPLICATES.values == {("cm",): 2}


def test_an_answer_to_a_poll_that_comes_after_its_callback_is_no_other_report() -> None:
    """The answer to a poll that tells what a callback told before is counted as a duplicate."""
    answer = make_report(source=Source.POLL)
    callback = make_report(provider_status="0", supersedes=answer.event_id)
    catalogue.DrainMetrics().inserted(Topic.REPORTS, [callback, answer], 0.1)
    assert catalogue.REPORTS.values == {("cm", "default", "delivered"): 1}
    assert catalogue.DUPLICATES.values == {("cm",): 1}


def test_messages_that_nothing_tells_apart_are_told_once() -> None:
    """The log says once for an account, in words, that its reports do not name their messages."""
    report = make_report(notes=(Note.NO_MESSAGE_IDENTITY,))
    other = make_report(notes=(Note.NO_MESSAGE_IDENTITY,), account="other")
    with structlog.testing.capture_logs() as lines:
        drain = catalogue.DrainMetrics()
        for rows in ([report], [make_report(message_id="2", notes=report.notes), other]):
            drain.inserted(Topic.REPORTS, rows, 0.1)
    assert [(line["log_level"], line["account"]) for line in lines] == [("warning", "default"), ("warning", "other")]
    assert "CREATED_S" in lines[0]["event"]


def test_accounts_of_other_programs_make_no_more_series() -> None:
    """Rows that other programs wrote to a topic, of ever new accounts, are counted together from some number on."""
    rows = [make_report(account=f"a-{number}") for number in range(3000)]
    catalogue.DrainMetrics().inserted(Topic.REPORTS, rows, 0.1)
    assert len(catalogue.REPORTS.values) < 1100
    assert sum(catalogue.REPORTS.values.values()) == 3000
    assert catalogue.REPORTS.values["other", "other", "delivered"] == 2000


def test_what_is_remembered_of_reports_is_bounded() -> None:
    """The memory for copies holds the latest ids only."""
    lately = catalogue._Lately(10)  # noqa: SLF001 - its bound is what the test is about
    seen = [lately.before(f"id-{number}") for number in range(100)]
    assert not any(seen)
    assert len(lately._new) + len(lately._old) <= 20  # noqa: SLF001
    assert lately.before("id-99")
    assert not lately.before("id-5")
