"""Submissions that another program writes to the topic, with the fields that `POST /submissions` takes."""

import asyncio
from pathlib import Path

import orjson

from ingest.admin.submissions import complete
from ingest.metrics.catalogue import DrainMetrics
from ingest.settings.accounts import effective_accounts
from ingest.settings.settings import Settings
from sinks.clickhouse.store import Store
from sinks.drain import Drain
from sinks.journal.consumer import JournalConsumer
from sinks.journal.writer import Journal
from sinks.records import submission_record
from sinks.stream import Record, Topic
from tests.factories import make_submission


def value(message_id: str, **fields: object) -> Record:
    """Return a record as another program writes it."""
    fields = {"provider": "juhe", "message_id": message_id, "recipient": "18983437010", **fields}
    return Record(Topic.SUBMISSIONS, message_id, "", orjson.dumps(fields))


async def drain(store: Store, folder: Path, *records: Record) -> None:
    """Append records to a journal, and drain it."""
    journal = Journal(folder / "other")
    await journal.append(records)
    await journal.close()
    consumer = JournalConsumer(folder)
    draining = Drain(
        consumer, store, DrainMetrics(), complete={Topic.SUBMISSIONS: complete(effective_accounts(Settings()))}
    )
    draining.stop()
    await asyncio.wait_for(draining.run(), 30)
    await consumer.close()


async def test_a_submission_of_another_program_is_completed(store: Store, tmp_path: Path) -> None:
    """A value may lack the fields that `POST` would add: the drain adds number, country, deadline and id."""
    ours = make_submission(provider="juhe", message_id="ours", reference="kept")
    same = [value("theirs", submitted_at="2026-11-20T12:00:00+08:00", tags={"a": "b"})] * 2
    await drain(store, tmp_path, *same, submission_record(ours))
    columns = "message_id, recipient, country, reference, dateDiff('hour', submitted_at, deadline_at), tags['a']"
    sql = f"SELECT {columns} FROM {store.database}.submissions ORDER BY message_id"
    assert store.client.query(sql).result_rows == [
        ("ours", "+447911123456", "GB", "kept", 72, ""),
        ("theirs", "+8618983437010", "CN", "", 72, "b"),
    ]


async def test_an_unreadable_submission_is_a_dead_letter(store: Store, tmp_path: Path) -> None:
    """A value that is no submission becomes a dead letter with the reason, and the others are stored."""
    await drain(store, tmp_path, value("good"), value("bad", recipient=None), Record(Topic.SUBMISSIONS, "", "", b"{"))
    assert store.client.query(f"SELECT message_id FROM {store.database}.submissions").result_rows == [("good",)]
    sql = f"SELECT location, detail FROM {store.database}.dead_letters ORDER BY detail"
    found = store.client.query(sql).result_rows
    assert found[0] == ("submissions", "missing_field: $.recipient: is missing")
    assert str(found[1][1]).startswith("not_json: $: is not JSON")
