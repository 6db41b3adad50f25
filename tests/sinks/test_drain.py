"""The drain, over a real journal and the embedded ClickHouse."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from sinks.clickhouse.store import Store
from sinks.drain import Drain
from sinks.errors import BatchTooLargeError, BusyError, RefusedError
from sinks.journal.consumer import JournalConsumer
from sinks.journal.writer import Journal
from sinks.records import report_record
from sinks.rows import Row, check, written
from sinks.stream import Record, Topic
from tests.factories import make_report
from tests.waiting import until


class Notes:
    """A `Watch` that records its calls."""

    def __init__(self) -> None:
        self.refusals: list[str] = []
        self.failures: list[str] = []
        self.rows = 0

    def inserted(self, topic: Topic, rows: Sequence[Row], seconds: float) -> None:  # noqa: ARG002
        """Count rows."""
        self.rows += len(rows)

    def insert_failed(self, topic: Topic, error: BusyError, retry_seconds: float) -> None:  # noqa: ARG002
        """Record the error."""
        self.failures.append(str(error))

    def refused(self, topic: Topic, error: RefusedError) -> None:  # noqa: ARG002
        """Record the error."""
        self.refusals.append(str(error))


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    """Open a journal."""
    journal = Journal(tmp_path / "j")
    yield journal
    await journal.close()


def counted(store: Store, table: str) -> int:
    """Count rows."""
    [(count,)] = store.client.query(f"SELECT count() FROM {store.database}.{table}").result_rows
    return int(count)


async def append(journal: Journal, *numbers: int) -> None:
    """Append a report for each number."""
    await journal.append([report_record(make_report(message_id=f"m-{number}")) for number in numbers])


def letters(store: Store) -> dict[str, str]:
    """Return the body and the reason of each dead letter."""
    rows = store.client.query(f"SELECT body, why FROM {store.database}.dead_letters").result_rows
    return {str(body): str(why) for body, why in rows}


async def drain_all(store: Store, folder: Path, notes: Notes | None = None, **given: Any) -> Notes:
    """Drain the journals of a folder to their end."""
    notes = notes or Notes()
    drain = Drain(JournalConsumer(folder), store, notes, **given)
    drain.stop()
    async with asyncio.timeout(30):
        await drain.run()
    return notes


@asynccontextmanager
async def running(store: Store, folder: Path) -> AsyncIterator[tuple[Drain, Notes]]:
    """Drain the journals of a folder in the background."""
    notes = Notes()
    drain = Drain(JournalConsumer(folder), store, notes)
    task = asyncio.create_task(drain.run())
    yield drain, notes
    drain.stop()
    await task


async def test_a_report_is_in_the_store_within_two_seconds(journal: Journal, store: Store, tmp_path: Path) -> None:
    """A report can be queried within two seconds of its acknowledgement."""
    async with running(store, tmp_path):
        for number in range(3):
            await append(journal, number)
            await until(lambda: counted(store, "reports") > number, seconds=2)  # noqa: B023 - awaited at once


@pytest.mark.parametrize(("slowness", "shortest"), [(0.02, 0.2), (0.15, 0.5)])
async def test_a_slow_store_gets_fewer_and_larger_inserts(
    journal: Journal, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, slowness: float, shortest: float
) -> None:
    """The pause after an insert grows with the insert's duration, up to half a second."""
    insert = store.insert
    pauses: list[float] = []

    def slow_insert(topic: Topic, rows: Sequence[Row]) -> None:
        time.sleep(slowness)
        insert(topic, rows)

    async def note(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(store, "insert", slow_insert)
    await append(journal, 1)
    await drain_all(store, tmp_path, batch_seconds=0.01, pause=note)
    assert shortest <= pauses[0] <= 1.0


@pytest.mark.parametrize(("size", "batch"), [(10, {"batch_rows": 2}), (100_000, {"batch_bytes": 150_000})])
async def test_there_is_no_pause_while_a_whole_batch_waits(
    journal: Journal, store: Store, tmp_path: Path, size: int, batch: dict[str, int]
) -> None:
    """A backlog is drained without pauses, whether rows or bytes fill a batch; a smaller rest is waited for."""
    for number in range(7):
        await journal.append([report_record(make_report(message_id=f"m-{number}", raw="r" * size))])
    notes = Notes()
    stored: list[int] = []

    async def note(_seconds: float) -> None:
        stored.append(notes.rows)

    await drain_all(store, tmp_path, notes, pause=note, **batch)
    assert stored == [6, 7]


async def test_a_stop_drains_the_rest(journal: Journal, store: Store, tmp_path: Path) -> None:
    """A stopped drain first reads its stream to the end."""
    await append(journal, *range(10))
    await drain_all(store, tmp_path, batch_rows=3)
    assert counted(store, "reports") == 10


async def test_a_value_that_is_cut_off_swallows_no_neighbour(journal: Journal, store: Store, tmp_path: Path) -> None:
    """Each value is checked alone, even if it would be one JSON object together with the next ones."""
    await journal.append([Record(Topic.REPORTS, "k", "cm", b'{"custom":')])
    await append(journal, 1)
    await journal.append([Record(Topic.REPORTS, "k", "cm", b"}")])
    await drain_all(store, tmp_path)
    assert counted(store, "reports") == 1
    assert letters(store) == {'{"custom":': "refused_by_store", "}": "refused_by_store"}


@pytest.mark.parametrize("topic", Topic)
async def test_an_invalid_value_becomes_a_dead_letter(
    journal: Journal, store: Store, tmp_path: Path, topic: Topic
) -> None:
    """Any invalid value in any topic becomes one dead letter, and the valid ones are stored."""
    invalid = [b"{}", b"", b"null", b"[1]", b"7", b"\xff\xfe", b'"a"', b"{" * 5000, b'{"id": "x"}', b'{"event_id": 7}']
    await journal.append([Record(topic, f"p-{number}", "", value) for number, value in enumerate(invalid)])
    await append(journal, 1)
    notes = await drain_all(store, tmp_path)
    assert counted(store, "reports") == 1
    assert len(notes.refusals) == len(invalid)
    assert counted(store, "dead_letters") == len(invalid)
    assert set(letters(store).values()) == {"refused_by_store"}


async def test_the_same_invalid_value_in_two_topics_is_two_dead_letters(
    journal: Journal, store: Store, tmp_path: Path
) -> None:
    """A record's dead letter is identified by its content and its topic."""
    await journal.append([Record(topic, "k", "", b"{}") for topic in (Topic.REPORTS, Topic.INBOUND, Topic.REPORTS)])
    await drain_all(store, tmp_path)
    rows = store.client.query(f"SELECT location, receipts FROM {store.database}.dead_letters").result_rows
    assert {str(location) for location, _ in rows} == {"reports", "inbound"}


async def test_a_batch_that_is_too_large_for_the_store_is_halved(
    journal: Journal, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the store can't take a batch in one piece, the batch is halved until it can, and the next pieces are as small."""
    insert = store.insert
    sizes: list[int] = []

    def small_only(topic: Topic, rows: Sequence[Row]) -> None:
        sizes.append(len(rows))
        if len(rows) > 5:
            raise BatchTooLargeError("out of memory")
        insert(topic, rows)

    monkeypatch.setattr(store, "insert", small_only)
    await append(journal, *range(40))
    notes = await drain_all(store, tmp_path)
    assert counted(store, "reports") == notes.rows == 40
    assert sizes[:5] == [40, 20, 10, 5, 5]


async def test_a_row_that_makes_every_insert_fail_is_singled_out(
    journal: Journal, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that repeatedly fails alone, while the table takes others, becomes a dead letter."""
    insert = store.insert

    def time_out(topic: Topic, rows: Sequence[Row]) -> None:
        if topic is Topic.REPORTS and any(b'"m-3"' in written(row) for row in rows):
            raise BatchTooLargeError("time-out")
        insert(topic, rows)

    monkeypatch.setattr(store, "insert", time_out)
    await append(journal, *range(8))
    async with running(store, tmp_path) as (_, notes):
        await until(lambda: bool(notes.refusals), seconds=20)
    assert counted(store, "reports") == 7
    [(body, why)] = letters(store).items()
    assert '"message_id":"m-3"' in body
    assert why == "refused_by_store"


async def test_a_table_that_takes_nothing_makes_no_dead_letters(
    journal: Journal, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a table takes no insert at all, no row becomes a dead letter, however often it fails alone."""
    insert = store.insert
    tries = 0

    def time_out(topic: Topic, rows: Sequence[Row]) -> None:
        nonlocal tries
        tries += 1
        if topic is Topic.REPORTS and tries < 12:
            raise BatchTooLargeError("time-out")
        insert(topic, rows)

    monkeypatch.setattr(store, "insert", time_out)
    await append(journal, 1, 2)
    async with running(store, tmp_path) as (_, notes):
        await until(lambda: notes.rows == 2, seconds=60)
    assert notes.refusals == []
    assert counted(store, "reports") == 2


async def test_a_drain_measures_how_long_it_stalls(journal: Journal, store: Store, tmp_path: Path) -> None:
    """`stalled_seconds` grows while records wait and none is stored, and is 0 otherwise."""
    async with running(store, tmp_path) as (drain, _):
        await asyncio.sleep(0.3)
        assert drain.stalled_seconds == 0
        store.client.command(f"RENAME TABLE {store.internal}.reports TO {store.database}.away")
        await append(journal, 1)
        await until(lambda: drain.stalled_seconds > 0.5)
        store.client.command(f"RENAME TABLE {store.database}.away TO {store.internal}.reports")
        await until(lambda: drain.stalled_seconds == 0)


async def test_a_store_that_is_away_is_waited_for(journal: Journal, store: Store, tmp_path: Path) -> None:
    """While the store takes no inserts, nothing is committed; afterwards the same records are stored."""
    store.client.command(f"RENAME TABLE {store.internal}.reports TO {store.database}.away")
    await append(journal, *range(4))
    async with running(store, tmp_path) as (_, notes):
        await until(lambda: len(notes.failures) >= 2)
        assert await JournalConsumer(tmp_path).lag() == 4
        store.client.command(f"RENAME TABLE {store.database}.away TO {store.internal}.reports")
        await until(lambda: notes.rows == 4)
    assert counted(store, "reports") == 4


async def test_a_stop_does_not_wait_for_a_store_that_is_away(journal: Journal, store: Store, tmp_path: Path) -> None:
    """A drain whose store is away stops at once, and leaves its batch uncommitted."""
    store.client.command(f"DROP TABLE {store.internal}.reports")
    await append(journal, 1)
    async with asyncio.timeout(5):
        await drain_all(store, tmp_path)
    assert await JournalConsumer(tmp_path).lag() == 1


async def test_a_batch_that_is_inserted_twice_counts_once(journal: Journal, store: Store, tmp_path: Path) -> None:
    """A drain that dies between insert and commit reads the batch again, and no count changes."""
    await append(journal, *range(6))
    for _ in range(2):
        consumer = JournalConsumer(tmp_path)
        batch = await consumer.read(most=100, most_bytes=1_000_000, wait_seconds=0)
        store.insert(Topic.REPORTS, [check(Topic.REPORTS, record.value) for record in batch.records])
        await consumer.close()
    await drain_all(store, tmp_path)
    assert counted(store, "reports") == counted(store, "messages") == 6
