"""The audit over the real engine: it passes a correct store, and finds each kind of fault."""

from collections.abc import Iterable
from datetime import timedelta
from uuid import uuid4

from msgspec.structs import replace

from ingest.settings.settings import Settings
from ingest.simulation.audit import Audit
from ingest.simulation.compare import Tally
from ingest.simulation.ledger import Ledger
from ingest.simulation.plan import PlannedCallback
from ingest.simulation.targets import open_targets
from normalizers.errors import MalformedError
from normalizers.model import DeliveryReport, InboundMessage, Reject, Status
from sinks.clickhouse.store import Store
from sinks.records import inbound_record, report_record
from sinks.stream import Record
from tests.factories import make_letter
from tests.ingest.connections.in_process import InProcessClient
from tests.ingest.reprocessing.direct import DirectProducer
from tests.ingest.simulation.planning import RUN, plan, read, written

_PROVIDER = "juhe"


def _traffic() -> list[PlannedCallback]:
    return plan(_PROVIDER, callbacks=150, malformed=0.1, rejected=0.2)


def _reports(callbacks: Iterable[PlannedCallback]) -> list[DeliveryReport]:
    distinct = {
        item.event_id: item
        for callback in callbacks
        if not callback.spoil
        for item in read(callback)
        if isinstance(item, DeliveryReport)
    }
    return list(distinct.values())


def _others(callbacks: Iterable[PlannedCallback]) -> list[Record]:
    """Return inbound messages and dead letters."""
    records: list[Record] = []
    for callback in callbacks:
        try:
            items = read(callback)
        except MalformedError as error:
            records.append(_letter(callback, error, written(callback).body))
            continue
        records += [inbound_record(item) for item in items if isinstance(item, InboundMessage)]
        records += [_letter(callback, item.error, item.raw) for item in items if isinstance(item, Reject)]
    return records


def _letter(callback: PlannedCallback, error: MalformedError, body: bytes) -> Record:
    query = written(callback).query.encode()
    return make_letter(provider=callback.provider, why=error.why, query=query, body=body)


async def _tallies(store: Store, callbacks: list[PlannedCallback], reports: list[DeliveryReport]) -> dict[str, Tally]:
    """Store these reports and everything else, and compare with the callbacks, all of them acknowledged."""
    await DirectProducer(store).append([*map(report_record, reports), *_others(callbacks)])
    ledger = Ledger()
    for callback in callbacks:
        ledger.record(callback, acknowledged=True)
    async with InProcessClient(store) as asked:
        targets = list(open_targets(Settings(), providers=(_PROVIDER,)).values())
        looked = Audit(asked, ledger, targets, RUN, messages=10_000)
        await looked.settle(wait_seconds=0)
        found = {table: tally async for _, table, tally in looked.tallies()}
    ledger.close()
    return found


def _faults(tallies: dict[str, Tally]) -> dict[str, dict[str, int]]:
    """Return what differs, by table."""
    return {table: tally.differences for table, tally in tallies.items() if tally.differences}


async def test_a_store_that_holds_everything_once_passes(store: Store) -> None:
    """Reports, messages, sums, inbound messages and dead letters are found, and nothing differs."""
    callbacks = _traffic()
    reports = _reports(callbacks)
    tallies = await _tallies(store, callbacks, reports)
    assert _faults(tallies) == {}
    assert tallies["reports"].stored == tallies["stats"].stored == len(reports) > 300
    assert min(tallies[table].stored for table in ("messages", "inbound", "dead_letters")) > 10


async def test_rows_received_twice_are_one(store: Store) -> None:
    """A repeated report is stored again under the same id, and does not count."""
    callbacks = _traffic()
    reports = _reports(callbacks)
    again = [replace(report, received_at=report.received_at + timedelta(minutes=5)) for report in reports]
    assert _faults(await _tallies(store, callbacks, [*reports, *again])) == {}


async def test_a_lost_a_doubled_a_wrong_and_a_foreign_row_are_found(store: Store) -> None:
    """One row lost, one doubled, one wrong and one that nobody sent are four differences, and the sums tell as well."""
    callbacks = _traffic()
    _lost, first, second, *rest = _reports(callbacks)
    doubled = replace(first, event_id=str(uuid4()))
    wrong = replace(second, status=Status.SCHEDULED)
    foreign = replace(first, event_id=str(uuid4()), message_id=f"{RUN.upper()}000270FFFF")
    tallies = await _tallies(store, callbacks, [first, doubled, wrong, foreign, *rest])
    assert _faults(tallies) == {
        "reports": {"lost": 1, "doubled": 1, "wrong": 1, "never_sent": 1},
        "messages": {"lost": 1, "wrong": 2, "never_sent": 1},
    }


async def test_a_sum_that_counts_twice_is_found(store: Store) -> None:
    """A view of sums that counts a repeated report twice does not pass."""
    callbacks = _traffic()
    reports = _reports(callbacks)
    store.client.command(f"DROP VIEW {store.database}.stats")
    store.client.command(
        f"CREATE VIEW {store.database}.stats AS SELECT toStartOfMinute(toDateTime(received_at, 'UTC')) AS minute, "
        f"provider, account, count() + 1 AS reports FROM {store.internal}.reports GROUP BY ALL"
    )
    assert _faults(await _tallies(store, callbacks, reports)) == {"stats": {"doubled": 1}}


async def test_others_in_the_same_minutes_do_not_count(store: Store) -> None:
    """Reports of others that came meanwhile are no difference."""
    callbacks = _traffic()
    reports = _reports(callbacks)
    others = [replace(report, event_id=str(uuid4()), message_id=f"M{at}") for at, report in enumerate(reports[:50])]
    assert _faults(await _tallies(store, callbacks, [*reports, *others])) == {}
