"""The promise of the drain, on a real journal and the real engine."""

import asyncio
import time
from collections.abc import Sequence
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
    """A watch that remembers what it was told."""

    def __init__(self) -> None:
        self.refusals: list[str] = []
        self.failures: list[str] = []
        self.rows = 0

    def inserted(self, topic: Topic, rows: Sequence[Row], seconds: float) -> None:  # noqa: ARG002
        """Count rows."""
        self.rows += len(rows)

    def insert_failed(self, topic: Topic, error: BusyError, retry_seconds: float) -> None:  # noqa: ARG002
        """Remember the error."""
        self.failures.append(str(error))

    def refused(self, topic: Topic, error: RefusedError) -> None:  # noqa: ARG002
        """Remember the error."""
        self.refusals.append(str(error))


@pytest.fixture
async def journal(tmp_path: Path) -> Journal:
    """Open a journal."""
    return Journal(tmp_path / "j")


def counted(store: Store, table: str) -> int:
    """Count rows."""
    [(count,)] = store.client.query(f"SELECT count() FROM {store.database}.{table}").result_rows
    return int(count)


async def append(journal: Journal, *numbers: int) -> None:
    """Append one report each."""
    await journal.append([report_record(make_report(message_id=f"m-{number}")) for number in numbers])


async def test_what_is_appended_is_in_the_store_within_two_seconds(
    journal: Journal, store: Store, tmp_path: Path
) -> None:
    """A report can be queried within two seconds of its acknowledgement."""
    notes = Notes()
    drain = Drain(JournalConsumer(tmp_path), store, notes)
    running = asyncio.create_task(drain.run())
    for number in range(3):
        await append(journal, number)
        await until(lambda: counted(store, "reports") > number, seconds=2)  # noqa: B023 - awaited at once
    drain.stop()
    await running
    await journal.close()


@pytest.mark.parametrize(("slowness", "shortest"), [(0.02, 0.2), (0.15, 0.5)])
async def test_a_store_with_much_to_do_gets_fewer_and_larger_inserts(
    journal: Journal, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, slowness: float, shortest: float
) -> None:
    """The pause after an insert grows with what the insert took, up to half a second."""
    insert = store.insert
    pauses: list[float] = []

    def slow_insert(topic: Topic, rows: Sequence[Row]) -> None:
        time.sleep(slowness)
        insert(topic, rows)

    async def note(seconds: float) -> None:
        pauses.append(seconds)

    drain = Drain(JournalConsumer(tmp_path), store, Notes(), batch_seconds=0.01, pause=note)
    monkeypatch.setattr(store, "insert", slow_insert)
    await append(journal, 1)
    drain.stop()
    await drain.run()
    assert shortest <= pauses[0] <= 1.0
    await journal.close()


async def test_there_is_no_pause_while_a_whole_batch_waits(journal: Journal, store: Store, tmp_path: Path) -> None:
    """A backlog is worked off without rest; what is less waits for company."""
    for number in range(7):
        await append(journal, number)
    notes = Notes()
    stored: list[int] = []

    async def note(_seconds: float) -> None:
        stored.append(notes.rows)

    drain = Drain(JournalConsumer(tmp_path), store, notes, batch_rows=2, pause=note)
    drain.stop()
    await drain.run()
    assert stored == [6, 7]
    await journal.close()


async def test_there_is_no_pause_while_a_batch_of_large_records_waits(
    journal: Journal, store: Store, tmp_path: Path
) -> None:
    """A backlog of few but large records is worked off without rest, too."""
    for number in range(7):
        await journal.append([report_record(make_report(message_id=f"m-{number}", raw="r" * 100_000))])
    notes = Notes()
    stored: list[int] = []

    async def note(_seconds: float) -> None:
        stored.append(notes.rows)

    drain = Drain(JournalConsumer(tmp_path), store, notes, batch_bytes=150_000, pause=note)
    drain.stop()
    await drain.run()
    assert stored == [6, 7]
    await journal.close()


async def test_a_stop_drains_what_is_left(journal: Journal, store: Store, tmp_path: Path) -> None:
    """A drain that is stopped first reads its stream to the end."""
    await append(journal, *range(10))
    drain = Drain(JournalConsumer(tmp_path), store, Notes(), batch_rows=3)
    drain.stop()
    await drain.run()
    assert counted(store, "reports") == 10
    await journal.close()


async def test_a_poisoned_row_costs_itself_alone(journal: Journal, store: Store, tmp_path: Path) -> None:
    """A row that the store refuses becomes a dead letter, and its neighbours are stored."""
    await append(journal, *range(5))
    await journal.append([Record(Topic.REPORTS, "k", "cm", b'{"event_id": "poison"}')])
    await append(journal, *range(5, 9))
    notes = Notes()
    drain = Drain(JournalConsumer(tmp_path), store, notes)
    drain.stop()
    await drain.run()
    assert counted(store, "reports") == 9
    assert len(notes.refusals) == 1
    assert letters(store) == {'{"event_id": "poison"}': "refused_by_store"}
    await journal.close()


def letters(store: Store) -> dict[str, str]:
    """Return the body of each dead letter, and why it is one."""
    rows = store.client.query(f"SELECT body, why FROM {store.database}.dead_letters").result_rows
    return {str(body): str(why) for body, why in rows}


async def drain_all(store: Store, folder: Path, **given: Any) -> Notes:
    """Drain the journals of a folder to their end."""
    notes = Notes()
    drain = Drain(JournalConsumer(folder), store, notes, **given)
    drain.stop()
    async with asyncio.timeout(30):
        await drain.run()
    return notes


async def test_a_value_that_is_cut_swallows_no_neighbour(journal: Journal, store: Store, tmp_path: Path) -> None:
    """Values that make one JSON object with what stands between them are judged each alone."""
    await journal.append([Record(Topic.REPORTS, "k", "cm", b'{"custom":')])
    await append(journal, 1)
    await journal.append([Record(Topic.REPORTS, "k", "cm", b"}")])
    await drain_all(store, tmp_path)
    assert counted(store, "reports") == 1
    assert letters(store) == {'{"custom":': "refused_by_store", "}": "refused_by_store"}
    await journal.close()


@pytest.mark.parametrize("topic", Topic)
async def test_poison_in_any_topic_is_kept_and_stops_nothing(
    journal: Journal, store: Store, tmp_path: Path, topic: Topic
) -> None:
    """Any garbage in a topic becomes one dead letter, once, in the topic of the dead letters, too."""
    poison = [b"{}", b"", b"null", b"[1]", b"7", b"\xff\xfe", b'"a"', b"{" * 5000, b'{"id": "x"}', b'{"event_id": 7}']
    await journal.append([Record(topic, f"p-{number}", "", value) for number, value in enumerate(poison)])
    await append(journal, 1)
    notes = await drain_all(store, tmp_path)
    assert counted(store, "reports") == 1
    assert len(notes.refusals) == len(poison)
    assert counted(store, "dead_letters") == len(poison)
    assert set(letters(store).values()) == {"refused_by_store"}
    await journal.close()


async def test_the_same_poison_in_two_topics_is_two_dead_letters(
    journal: Journal, store: Store, tmp_path: Path
) -> None:
    """A dead letter of a record says in which topic it stood, so that none hides another; a repetition is the same."""
    await journal.append([Record(topic, "k", "", b"{}") for topic in (Topic.REPORTS, Topic.INBOUND, Topic.REPORTS)])
    await drain_all(store, tmp_path)
    rows = store.client.query(f"SELECT location, receipts FROM {store.database}.dead_letters").result_rows
    assert {str(location) for location, _ in rows} == {"reports", "inbound"}
    await journal.close()


async def test_a_batch_that_is_too_large_for_the_store_is_halved(
    journal: Journal, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the store can't take a batch in one piece, it gets smaller ones, and the next batches begin that small."""
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
    await journal.close()


async def test_a_row_that_no_insert_survives_is_singled_out(
    journal: Journal, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that fails again and again by itself, while the table takes others, is kept as a dead letter."""
    insert = store.insert

    def time_out(topic: Topic, rows: Sequence[Row]) -> None:
        if topic is Topic.REPORTS and any(b'"m-3"' in written(row) for row in rows):
            raise BatchTooLargeError("time-out")
        insert(topic, rows)

    monkeypatch.setattr(store, "insert", time_out)
    await append(journal, *range(8))
    notes = Notes()
    drain = Drain(JournalConsumer(tmp_path), store, notes)
    running = asyncio.create_task(drain.run())
    await until(lambda: bool(notes.refusals), seconds=20)
    drain.stop()
    await running
    assert counted(store, "reports") == 7
    [(body, why)] = letters(store).items()
    assert '"message_id":"m-3"' in body
    assert why == "refused_by_store"
    await journal.close()


async def test_a_table_that_takes_nothing_makes_no_dead_letters(
    journal: Journal, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a table takes no insert at all, no row is taken to be at fault, however often it fails by itself."""
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
    notes = Notes()
    drain = Drain(JournalConsumer(tmp_path), store, notes)
    running = asyncio.create_task(drain.run())
    await until(lambda: notes.rows == 2, seconds=60)
    drain.stop()
    await running
    assert notes.refusals == []
    assert counted(store, "reports") == 2
    await journal.close()


async def test_a_drain_that_stores_nothing_says_for_how_long(journal: Journal, store: Store, tmp_path: Path) -> None:
    """A drain counts the seconds without progress while something waits, and none while nothing does."""
    drain = Drain(JournalConsumer(tmp_path), store, Notes())
    running = asyncio.create_task(drain.run())
    await asyncio.sleep(0.3)
    assert drain.stalled_seconds == 0
    store.client.command(f"RENAME TABLE {store.internal}.reports TO {store.database}.away")
    await append(journal, 1)
    await until(lambda: drain.stalled_seconds > 0.5)
    store.client.command(f"RENAME TABLE {store.database}.away TO {store.internal}.reports")
    await until(lambda: drain.stalled_seconds == 0)
    drain.stop()
    await running
    await journal.close()


async def test_a_store_that_is_away_is_waited_for(journal: Journal, store: Store, tmp_path: Path) -> None:
    """While the store does not take inserts nothing is dropped or committed, and it goes on where it was."""
    store.client.command(f"RENAME TABLE {store.internal}.reports TO {store.database}.away")
    await append(journal, *range(4))
    notes = Notes()
    drain = Drain(JournalConsumer(tmp_path), store, notes)
    running = asyncio.create_task(drain.run())
    await until(lambda: len(notes.failures) >= 2)
    assert await JournalConsumer(tmp_path).lag() == 4
    store.client.command(f"RENAME TABLE {store.database}.away TO {store.internal}.reports")
    await until(lambda: notes.rows == 4)
    drain.stop()
    await running
    assert counted(store, "reports") == 4
    await journal.close()


async def test_a_stop_does_not_wait_for_a_store_that_is_away(journal: Journal, store: Store, tmp_path: Path) -> None:
    """A drain whose store is away stops all the same, and leaves what it has read uncommitted."""
    store.client.command(f"DROP TABLE {store.internal}.reports")
    await append(journal, 1)
    drain = Drain(JournalConsumer(tmp_path), store, Notes())
    drain.stop()
    async with asyncio.timeout(5):
        await drain.run()
    assert await JournalConsumer(tmp_path).lag() == 1
    await journal.close()


async def test_what_is_read_twice_is_stored_once(journal: Journal, store: Store, tmp_path: Path) -> None:
    """A drain that dies between insert and commit reads again, and no count changes."""
    await append(journal, *range(6))
    for _ in range(2):
        consumer = JournalConsumer(tmp_path)
        batch = await consumer.read(most=100, most_bytes=1_000_000, wait_seconds=0)
        store.insert(Topic.REPORTS, [check(Topic.REPORTS, record.value) for record in batch.records])
        await consumer.close()
    drain = Drain(JournalConsumer(tmp_path), store, Notes())
    drain.stop()
    await drain.run()
    assert counted(store, "reports") == counted(store, "messages") == 6
    await journal.close()
