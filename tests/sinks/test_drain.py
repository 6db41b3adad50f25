"""What the drain promises, on a real journal and the real engine."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from sinks.clickhouse.store import Store
from sinks.drain import Drain
from sinks.errors import BusyError, RefusedError
from sinks.journal.journal import Journal, JournalConsumer
from sinks.records import report_record
from sinks.stream import Record, Topic
from tests.factories import make_report
from tests.waiting import until


class Notes:
    """A watch that remembers what it was told."""

    def __init__(self) -> None:
        self.refusals: list[str] = []
        self.failures: list[str] = []
        self.rows = 0
        self.behind = -1

    def inserted(self, topic: Topic, values: Sequence[bytes], seconds: float) -> None:  # noqa: ARG002
        """Count rows."""
        self.rows += len(values)

    def insert_failed(self, topic: Topic, error: BusyError, retry_seconds: float) -> None:  # noqa: ARG002
        """Remember the error."""
        self.failures.append(str(error))

    def refused(self, topic: Topic, error: RefusedError) -> None:  # noqa: ARG002
        """Remember the error."""
        self.refusals.append(str(error))

    def lag(self, records: int) -> None:
        """Remember the lag."""
        self.behind = records


@pytest.fixture
async def journal(tmp_path: Path) -> Journal:
    """Open a journal."""
    return Journal(tmp_path / "j.db")


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
    assert notes.behind == 0
    await journal.close()


@pytest.mark.parametrize(("slowness", "shortest"), [(0.05, 0.5), (0.15, 1.0)])
async def test_a_store_with_much_to_do_gets_fewer_and_larger_inserts(
    journal: Journal, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, slowness: float, shortest: float
) -> None:
    """The pause after an insert grows with what the insert took, up to a second."""
    insert = store.insert
    pauses: list[float] = []

    def slow_insert(topic: Topic, values: Sequence[bytes]) -> None:
        time.sleep(slowness)
        insert(topic, values)

    async def note(seconds: float) -> None:
        pauses.append(seconds)

    drain = Drain(JournalConsumer(tmp_path), store, Notes(), batch_seconds=0.01)
    monkeypatch.setattr(store, "insert", slow_insert)
    monkeypatch.setattr(drain, "_pause", note)
    await append(journal, 1)
    drain.stop()
    await drain.run()
    assert shortest <= pauses[0] <= 1.0
    await journal.close()


async def test_there_is_no_pause_while_a_whole_batch_waits(
    journal: Journal, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backlog is worked off without rest; what is less waits for company."""
    for number in range(7):
        await append(journal, number)
    notes = Notes()
    drain = Drain(JournalConsumer(tmp_path), store, notes, batch_rows=2)
    left: list[int] = []

    async def note(_seconds: float) -> None:
        left.append(notes.behind)

    monkeypatch.setattr(drain, "_pause", note)
    drain.stop()
    await drain.run()
    assert left == [1, 0]
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
    [letter] = store.client.query(f"SELECT why, body FROM {store.database}.dead_letters").named_results()
    assert letter == {"why": "refused_by_store", "body": '{"event_id": "poison"}'}
    await journal.close()


async def test_a_store_that_is_away_is_waited_for(journal: Journal, store: Store, tmp_path: Path) -> None:
    """While the store does not take inserts nothing is dropped or committed, and it goes on where it was."""
    store.client.command(f"RENAME TABLE {store.database}.reports_store TO {store.database}.away")
    await append(journal, *range(4))
    notes = Notes()
    drain = Drain(JournalConsumer(tmp_path), store, notes)
    running = asyncio.create_task(drain.run())
    await until(lambda: len(notes.failures) >= 2)
    assert await JournalConsumer(tmp_path).lag() == 4
    store.client.command(f"RENAME TABLE {store.database}.away TO {store.database}.reports_store")
    await until(lambda: notes.rows == 4)
    drain.stop()
    await running
    assert counted(store, "reports") == 4
    await journal.close()


async def test_a_stop_does_not_wait_for_a_store_that_is_away(journal: Journal, store: Store, tmp_path: Path) -> None:
    """A drain whose store is away stops all the same, and leaves what it has read uncommitted."""
    store.client.command(f"DROP TABLE {store.database}.reports_store")
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
        batch = await consumer.read(most=100, wait_seconds=0)
        store.insert(Topic.REPORTS, [record.value for record in batch.records])
        await consumer.close()
    drain = Drain(JournalConsumer(tmp_path), store, Notes())
    drain.stop()
    await drain.run()
    assert counted(store, "reports") == counted(store, "messages") == 6
    await journal.close()
