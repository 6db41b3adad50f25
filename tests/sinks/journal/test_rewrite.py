"""Records in closed segments can be changed and erased, and every other record keeps its position."""

from pathlib import Path

from sinks.journal.consumer import JournalConsumer
from sinks.journal.rewrite import Change, rewrite
from sinks.journal.writer import Journal
from sinks.stream import Record
from tests.sinks.journal.records import append, lost, record, segment_files, values, values_in, write


def _without(*numbers: int) -> Change:
    return lambda found: None if int(found.value) in numbers else found


async def test_an_erased_record_is_not_read(tmp_path: Path) -> None:
    """Records are erased one by one; the others are read in their order, and nothing counts as lost."""
    await write(tmp_path / "receiver-0", 1, 2, 3, 4)
    done = rewrite(tmp_path / "receiver-0", _without(2, 4))
    assert (done.records, done.open_segments) == (2, frozenset())
    assert await values_in(tmp_path) == [1, 3]
    assert lost(tmp_path) == 0


async def test_a_changed_record_takes_its_place(tmp_path: Path) -> None:
    """A record is replaced by another one at the same position."""
    await write(tmp_path / "receiver-0", 1, 2, 3)

    def change(found: Record) -> Record:
        return record(20) if int(found.value) == 2 else found

    assert rewrite(tmp_path / "receiver-0", change).records == 1
    assert await values_in(tmp_path) == [1, 20, 3]


async def test_the_bytes_of_an_erased_record_are_gone(tmp_path: Path) -> None:
    """The file of an erased record is replaced, and keeps its age."""
    await write(tmp_path / "receiver-0", 1, 2)
    [path] = segment_files(tmp_path / "receiver-0")
    before, age = path.read_bytes(), path.stat().st_mtime_ns
    rewrite(tmp_path / "receiver-0", _without(2))
    assert path.read_bytes() != before
    assert b"m-2" in before
    assert b"m-2" not in path.read_bytes()
    assert path.stat().st_mtime_ns == age


async def test_a_segment_that_is_written_to_is_skipped(tmp_path: Path) -> None:
    """The open segment of a writer is skipped and reported, and can be rewritten once it is closed."""
    folder = tmp_path / "receiver-0"
    journal = Journal(folder)
    await append(journal, 1, 2)
    done = rewrite(folder, _without(2))
    assert (done.records, done.open_segments) == (0, frozenset(segment_files(folder)))
    await journal.close()
    assert rewrite(folder, _without(2)).records == 1
    assert await values_in(tmp_path) == [1]


async def test_a_reader_continues_in_the_new_file(consumer: JournalConsumer, tmp_path: Path) -> None:
    """A reader in the middle of a segment that is rewritten reads the remaining records once."""
    folder = tmp_path / "receiver-0"
    await write(folder, *range(1, 11))
    first = await consumer.read(most=4, wait_seconds=0)
    assert [int(each.value) for each in first.records] == [1, 2, 3, 4]
    rewrite(folder, _without(2, 6))
    assert await values(consumer) == [5, 7, 8, 9, 10]


async def test_damage_stays_damage(tmp_path: Path) -> None:
    """Unreadable bytes are not changed, and the reader reports them as before."""
    folder = tmp_path / "receiver-0"
    await write(folder, 1, 2, 3)
    [path] = segment_files(folder)
    content = bytearray(path.read_bytes())
    at = content.index(b"m-2")
    content[at] ^= 0xFF
    path.write_bytes(content)
    assert rewrite(folder, _without(3)).records == 1
    assert await values_in(tmp_path) == [1]
    assert lost(tmp_path) == 1
