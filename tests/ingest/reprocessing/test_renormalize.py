"""Stored reports read again end as they would have been, had today's tables read them first."""

from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from ingest.connections.clickhouse import Row
from ingest.reprocessing.renormalize import Change, Progress, ReportFilter, renormalize
from ingest.reprocessing.rereading import Rereader
from ingest.settings.accounts import EffectiveAccount, effective_accounts
from ingest.settings.settings import Settings
from normalizers.model import Callback, DeliveryReport, Status
from normalizers.privacy import Privacy, StoredNumbers
from sinks.clickhouse.store import Store
from sinks.records import report_record
from tests.factories import NOON
from tests.ingest.connections.in_process import InProcessClient
from tests.ingest.reprocessing.direct import DirectProducer

EVERYTHING = ReportFilter()
_SAME = "SELECT * EXCEPT (revision, normalizer) FROM {} ORDER BY ALL"


def _accounts(text: str = "") -> tuple[EffectiveAccount, ...]:
    codes = {"codes": {text: {"status": "undeliverable", "reason": "network_error"}}} if text else {}
    return effective_accounts(Settings.model_validate({"accounts": [{"provider": "juhe", "open": True, **codes}]}))


def _reports(count: int, stat: str, accounts: tuple[EffectiveAccount, ...]) -> list[DeliveryReport]:
    [account] = accounts
    made = []
    for number in range(count):
        raw = (
            f'[{{"flag":1,"mid":"m-{number}","spid":"9","mobile":"189834{number:05d}","stat":"{stat}",'
            '"time":"2026-11-20 01:38:21"}]'
        )
        callback = Callback(
            account=account.reading,
            method="POST",
            body=raw.encode(),
            received_at=NOON + timedelta(minutes=number),
        )
        [item] = account.provider.parse(callback)
        assert isinstance(item, DeliveryReport)
        made.append(item)
    return made


async def _keep(store: Store, reports: list[DeliveryReport]) -> DirectProducer:
    producer = DirectProducer(store)
    await producer.append([report_record(report) for report in reports])
    return producer


async def _run(
    store: Store,
    producer: DirectProducer | None,
    accounts: tuple[EffectiveAccount, ...],
    wanted: ReportFilter = EVERYTHING,
) -> Progress:
    async with InProcessClient(store) as client:
        steps = [step async for step in renormalize(client, producer, Rereader(accounts), wanted)]
    return steps[-1] if steps else Progress()


async def _rows(store: Store, sql: str) -> list[Row]:
    async with InProcessClient(store) as client:
        return await client.rows(sql)


async def _all(store: Store) -> list[list[Row]]:
    return [await _rows(store, _SAME.format(view)) for view in ("reports",)] + [
        await _rows(store, f"SELECT * FROM {view} ORDER BY ALL") for view in ("messages", "stats")
    ]


@pytest.fixture
def other(engine: Store) -> Store:
    """Give a test a second store to compare with."""
    from sinks.clickhouse.migrate import migrate  # noqa: PLC0415

    store = Store(engine.client, "compared")
    for database in (store.database, store.internal):
        store.client.command(f"DROP DATABASE IF EXISTS {database}")
    migrate(store)
    return store


async def test_the_end_state_is_that_of_a_fresh_run(store: Store, other: Store) -> None:
    """After the code got a meaning, reports, messages and stats equal those that were read with it at once."""
    await _keep(store, _reports(50, "MK:0004", _accounts()))
    await _keep(other, _reports(50, "MK:0004", _accounts("MK:0004")))
    assert await _all(store) != await _all(other)
    progress = await _run(store, DirectProducer(store), _accounts("MK:0004"))
    assert (progress.read, progress.changed, progress.unreadable) == (50, 50, 0)
    assert await _all(store) == await _all(other)


async def test_a_dry_run_tells_the_changes_and_writes_nothing(store: Store) -> None:
    """A dry run counts the changes by code, from status and reason to status and reason."""
    await _keep(store, _reports(3, "MK:0004", _accounts()))
    before = await _all(store)
    progress = await _run(store, None, _accounts("MK:0004"))
    assert progress.changes == {Change("juhe", "MK:0004", "unknown", "undeliverable/network_error"): 3}
    assert await _all(store) == before


async def test_a_second_run_changes_nothing(store: Store) -> None:
    """A run that was repeated, or cut short and run again, ends where one run ends."""
    await _keep(store, _reports(3, "MK:0004", _accounts()))
    await _run(store, DirectProducer(store), _accounts("MK:0004"))
    after = await _all(store)
    progress = await _run(store, DirectProducer(store), _accounts("MK:0004"))
    assert progress.changed == 0
    assert await _all(store) == after


async def test_messages_that_were_lost_are_computed_anew(store: Store) -> None:
    """A run of all reports brings back messages that a crash and a lost journal have left without their reports."""
    await _keep(store, _reports(3, "DELIVRD", _accounts()))
    before = await _all(store)
    lost = f"ALTER TABLE {store.local}.messages DELETE WHERE message_id != 'm-1'"
    store.client.command(lost, settings={"mutations_sync": 2})
    assert await _all(store) != before
    assert (await _run(store, DirectProducer(store), _accounts())).changed == 0
    assert await _all(store) != before
    progress = await _run(store, DirectProducer(store), _accounts(), ReportFilter(unchanged=True))
    assert progress.changed == 0
    assert await _all(store) == before


async def test_a_copy_that_comes_later_changes_nothing(store: Store) -> None:
    """A provider's retry, read with the old tables by a process that was not restarted, does not undo the change."""
    reports = _reports(1, "MK:0004", _accounts())
    producer = await _keep(store, reports)
    await _run(store, producer, _accounts("MK:0004"))
    late = msgspec.structs.replace(reports[0], received_at=NOON + timedelta(days=1))
    await _keep(store, [late])
    found = await _rows(store, "SELECT status, reason, received_at FROM reports")
    assert found == [
        {"status": "undeliverable", "reason": "network_error", "received_at": "2026-11-20 12:00:00.000000"}
    ]
    assert [row["status"] for row in await _rows(store, "SELECT status FROM messages")] == ["undeliverable"]


async def test_only_what_the_filter_names_is_read(store: Store) -> None:
    """Times, provider, account and `unmapped` bound a run."""
    await _keep(store, _reports(120, "MK:0004", _accounts()))
    hour = ReportFilter(since=NOON + timedelta(minutes=30), until=NOON + timedelta(minutes=90))
    assert (await _run(store, None, _accounts("MK:0004"), hour)).read == 60
    assert (await _run(store, None, _accounts("MK:0004"), ReportFilter(provider="cm"))).read == 0
    assert (await _run(store, None, _accounts("MK:0004"), ReportFilter(unmapped=True))).read == 120


async def test_hidden_numbers_stay_hidden(store: Store) -> None:
    """If numbers are stored masked, reading again changes the status and not the recipient."""
    privacy = Privacy(StoredNumbers.MASKED)
    [account] = _accounts("MK:0004")
    hidden = [privacy.report(report) for report in _reports(1, "MK:0004", _accounts())]
    producer = await _keep(store, hidden)
    await _run(store, producer, (replace(account, privacy=privacy),))
    [row] = await _rows(store, "SELECT event_id, recipient, status FROM reports")
    assert (row["event_id"], row["recipient"]) == (hidden[0].event_id, hidden[0].recipient)
    assert row["status"] == Status.UNDELIVERABLE
