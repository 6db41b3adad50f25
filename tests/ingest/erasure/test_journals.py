"""A person's records are erased from the journals before they can reach the store again."""

from pathlib import Path

import msgspec
import pytest

from ingest.erasure.files import files_with, set_aside
from ingest.erasure.journals import erase_from_journals, wait_until_drained
from sinks.errors import BusyError
from sinks.journal.consumer import JournalConsumer
from sinks.journal.writer import Journal
from sinks.records import report_record
from tests.factories import make_report

NUMBER, OTHER = "+8618688888888", "+8618688888889"


async def _write(root: Path) -> None:
    journal = Journal(root / "receiver-0")
    await journal.append(
        [
            report_record(make_report(message_id="about", recipient=NUMBER)),
            report_record(make_report(message_id="other", recipient=OTHER, raw='{"friend": "186 8888 8888"}')),
        ]
    )
    await journal.close()


async def test_records_are_erased_and_redacted(tmp_path: Path) -> None:
    """A record about the number is erased; in another one that contains it, it is redacted."""
    await _write(tmp_path)
    assert await erase_from_journals([tmp_path], NUMBER, [NUMBER], wait=0) == 2
    consumer = JournalConsumer(tmp_path)
    records = (await consumer.read(most=10, wait_seconds=0)).records
    await consumer.close()
    assert [record.key for record in records] == ["other"]
    assert msgspec.json.decode(records[0].value)["raw"] == '{"friend": "***"}'


async def test_every_folder_of_journals_is_searched(tmp_path: Path) -> None:
    """Records that Kafka refused are kept in journals of their own, and the number is taken out of these, too."""
    roots = [tmp_path / "journal", tmp_path / "refused", tmp_path / "none"]
    for root in roots[:2]:
        await _write(root)
    assert await erase_from_journals(roots, NUMBER, [NUMBER], wait=0) == 4


async def test_a_segment_that_stays_open_is_told(tmp_path: Path) -> None:
    """If a writer does not leave its segment in time, the command says that it has to be run again."""
    journal = Journal(tmp_path / "receiver-0")
    await journal.append([report_record(make_report(recipient=NUMBER))])
    with pytest.raises(BusyError, match="run the command again"):
        await erase_from_journals([tmp_path], NUMBER, [NUMBER], wait=0)
    await journal.close()


async def test_what_is_not_drained_is_waited_for(tmp_path: Path) -> None:
    """A batch on its way into the store would bring the number back, so the drain has to come to the journals' ends."""
    await _write(tmp_path)
    with pytest.raises(BusyError, match="does not keep up"):
        await wait_until_drained(tmp_path, wait=0)
    consumer = JournalConsumer(tmp_path)
    await consumer.commit(await consumer.read(most=10, wait_seconds=0))
    await wait_until_drained(tmp_path, wait=0)
    await consumer.close()


@pytest.mark.parametrize(
    "content",
    [
        b"x" * ((1 << 20) - 4) + b"18688888888",  # across the pieces in which a file is read
        "18688888888".encode("utf-16-le"),
        "18688888888".encode("utf-16-be"),
        b"18688888888".hex().encode(),
    ],
)
def test_files_that_hold_the_digits_are_found(tmp_path: Path, content: bytes) -> None:
    """A file is found by the national digits of the number, as text, in UTF-16, and in hexadecimal."""
    (tmp_path / "a").write_bytes(content)
    (tmp_path / "b").write_bytes(b"18688888889")
    assert list(files_with(tmp_path, NUMBER)) == [tmp_path / "a"]


def test_damaged_bytes_and_parts_are_named(tmp_path: Path) -> None:
    """Bytes that were set aside since they can't be read can't be searched; their notes hold no record."""
    part = tmp_path / "store" / "engine" / "store" / "0ab" / "0ab1" / "detached" / "broken_1_1_1_0"
    part.mkdir(parents=True)
    damaged = tmp_path / "journal" / "damaged"
    damaged.mkdir(parents=True)
    for name in ("receiver-0.1.json", "receiver-0.1"):
        (damaged / name).touch()
    assert set_aside(tmp_path) == [damaged / "receiver-0.1", part]
