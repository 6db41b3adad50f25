"""A reader of damaged journals: the damage is set aside and reported, and everything else is read."""

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sinks.journal.consumer import JournalConsumer, lag
from sinks.journal.damage import damages
from sinks.journal.segment import Segment, SegmentFile, segments_in
from sinks.journal.verification import Verification, verify
from sinks.journal.writer import Journal
from tests.sinks.journal.records import (
    append,
    damage_in,
    lost,
    record,
    segment_files,
    values,
    values_in,
    write,
)


def flip(path: Path, start: int, count: int = 6) -> None:
    """Flip the bits of some bytes of a file."""
    with path.open("r+b") as file:
        file.seek(start)
        found = file.read(count)
        file.seek(start)
        file.write(bytes(byte ^ 0xFF for byte in found))


def start_of_group(folder: Path, number: int) -> int:
    """Return where a group begins in a journal's first segment; its opening is number 0."""
    with SegmentFile(segments_in(folder)[0]) as file:
        return [group.start for group in file.groups()][number]


async def test_flipped_bytes_cost_only_their_group(tmp_path: Path) -> None:
    """A damaged group is set aside with its bytes, reported with its records and time, and all others are read."""
    await write(tmp_path / "j", *range(1, 6))
    start = start_of_group(tmp_path / "j", 3)
    flip(segment_files(tmp_path / "j")[0], start + 40)
    for _ in range(2):  # the next process finds it again, and does not report it twice
        assert await values_in(tmp_path) == [1, 2, 4, 5]
        damage = damage_in(tmp_path)
        assert (damage.journal, damage.first, damage.records, damage.start) == ("j", 3, 1, start)
        assert damage.since is not None
        assert damage.until is not None
        assert damage.since <= damage.until
        assert (tmp_path / "damaged" / damage.kept).stat().st_size == start_of_next(tmp_path / "j", start) - start


def start_of_next(folder: Path, start: int) -> int:
    """Return where the next readable group begins."""
    with SegmentFile(segments_in(folder)[0]) as file:
        found = file.search(start + 1)
    assert found is not None
    return found.start


@pytest.mark.parametrize("at", [0, 4, 8, 12, 16, 24, 33])
async def test_a_damaged_header_hides_no_other_group(tmp_path: Path, at: int) -> None:
    """The groups after a damaged group are found, whichever field of its header is damaged."""
    await write(tmp_path / "j", *range(1, 6))
    flip(segment_files(tmp_path / "j")[0], start_of_group(tmp_path / "j", 2) + at, 1)
    assert await values_in(tmp_path) == [1, 3, 4, 5]
    assert lost(tmp_path) == 1


async def test_a_damaged_opening_costs_no_record(tmp_path: Path) -> None:
    """A segment whose first bytes are damaged is read from its first group on."""
    await write(tmp_path / "j", 1, 2)
    await write(tmp_path / "j", 3, 4)
    for path in segment_files(tmp_path / "j"):
        flip(path, 0, 40)
    assert await values_in(tmp_path) == [1, 2, 3, 4]
    assert lost(tmp_path) == 0
    assert len(list(damages(tmp_path))) == 2


async def test_damage_before_the_cursor_costs_nothing_after_it(tmp_path: Path) -> None:
    """If drained groups or the opening of a segment are damaged, the groups after the cursor are read."""
    await write(tmp_path / "j", *range(1, 11))
    consumer = JournalConsumer(tmp_path)
    await consumer.commit(await consumer.read(most=6, wait_seconds=0))
    await consumer.close()
    for number in (0, 1, 3, 5):
        flip(segment_files(tmp_path / "j")[0], start_of_group_by_search(tmp_path / "j", number), 1)
    assert await values_in(tmp_path) == [7, 8, 9, 10]
    assert lost(tmp_path) == 0


def start_of_group_by_search(folder: Path, position: int) -> int:
    """Return where the group that ends at this position begins, even if groups before it are damaged."""
    with SegmentFile(segments_in(folder)[0]) as file:
        group = file.search(0)
        while group and group.last != position:
            group = file.search(group.end)
    assert group is not None
    return group.start


def cut(path: Path) -> None:
    """Cut the last group off."""
    os.truncate(path, path.stat().st_size - 20)


def empty(path: Path) -> None:
    """Empty the file."""
    os.truncate(path, 0)


def overwrite(path: Path) -> None:
    """Replace the file's content."""
    path.write_bytes(b"SQLite format 3\0" + os.urandom(5000))


@pytest.mark.parametrize(
    ("damage", "read", "missing"),
    [(cut, [1, 2, 5, 6], 1), (empty, [1, 5, 6], 3), (overwrite, [1, 5, 6], 3), (Path.unlink, [1, 5, 6], 3)],
)
async def test_the_records_of_a_damaged_segment_are_counted(
    tmp_path: Path, damage: Callable[[Path], None], read: list[int], missing: int
) -> None:
    """A segment that is cut, emptied, overwritten or deleted costs only its own records, and these are counted."""
    await write(tmp_path / "j", 1)
    await write(tmp_path / "j", 2, 3, 4)
    await write(tmp_path / "j", 5, 6)
    damage(segment_files(tmp_path / "j")[1])
    expected = [1, 2, 3, 5, 6] if damage is cut else read
    assert await values_in(tmp_path) == expected
    assert lost(tmp_path) == 6 - len(expected) == missing


@pytest.mark.parametrize("damage", [cut, empty, overwrite, Path.unlink])
async def test_a_lost_end_is_reported_without_a_later_record(
    consumer: JournalConsumer, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    """Lost records at the end are reported, and no longer counted as lag, even if no record follows them."""
    await write(tmp_path / "j", 1)
    await write(tmp_path / "j", 2, 3, 4)
    damage(segment_files(tmp_path / "j")[1])
    batch = await consumer.read(most=100, wait_seconds=0)
    await consumer.commit(batch)
    assert not (await consumer.read(most=100, wait_seconds=0)).records
    assert lag(tmp_path) == 0
    await write(tmp_path / "j", 5)
    assert await values(consumer) == [5]
    assert lost(tmp_path) == 4 - len(batch.records)


async def test_a_group_that_was_never_acknowledged_is_no_damage(journal: Journal, tmp_path: Path) -> None:
    """Half a group at the end of a segment, left by a killed process or a power loss, is not reported as a loss."""
    await append(journal, 1, 2)
    [path] = segment_files(tmp_path / "j")
    with SegmentFile(segments_in(tmp_path / "j")[0]) as file:
        group = file.bytes_between(start_of_group(tmp_path / "j", 2), file.size)
    with path.open("ab") as tail:
        tail.write(group[: len(group) // 2])
    assert await values_in(tmp_path) == [1, 2]
    shutil.copytree(tmp_path / "j", tmp_path / "after" / "j")
    await write(tmp_path / "after" / "j", 3)
    assert await values_in(tmp_path / "after") == [1, 2, 3]
    assert not list(damages(tmp_path))
    assert not list(damages(tmp_path / "after"))


async def test_a_fake_group_inside_a_record_is_not_read(tmp_path: Path) -> None:
    """A sender who puts the bytes of a group into a report can't have them read as records when the file is damaged."""
    await write(tmp_path / "other", 99)
    fake = segment_files(tmp_path / "other")[0].read_bytes()
    shutil.rmtree(tmp_path / "other")
    await write(tmp_path / "j", 1, 2)
    segment = segments_in(tmp_path / "j")[0]
    content = bytearray(segment.path.read_bytes())
    start = start_of_group(tmp_path / "j", 1)
    segment.path.write_bytes(content[:start] + fake + content[start:])
    assert await values_in(tmp_path) == [1, 2]


def damage_at_random(path: Path, chance: random.Random) -> None:
    """Flip, cut, insert or overwrite bytes of a file, or delete it."""
    content = bytearray(path.read_bytes())
    at, count = chance.randrange(len(content)), chance.randint(1, 60)
    match chance.choice(("flip", "cut", "insert", "zero", "overwrite", "delete")):
        case "flip":
            content[at] ^= chance.randint(1, 255)
        case "cut":
            del content[at:]
        case "insert":
            content[at:at] = chance.randbytes(count)
        case "zero":
            content[at : at + count] = bytes(len(content[at : at + count]))
        case "overwrite":
            content = bytearray(chance.randbytes(len(content)))
        case _:
            path.unlink()
            return
    path.write_bytes(content)


async def test_random_damage_costs_only_counted_records(tmp_path: Path) -> None:
    """After any damage, no record is invented or read twice, and each missing one is counted."""
    chance = random.Random(7)  # noqa: S311 - no secret
    for run in range(80):
        root = tmp_path / f"{run}"
        for start in (1, 20, 30):
            await write(root / "j", *range(start, start + 10))
        consumer = JournalConsumer(root)
        drained = await consumer.read(most=chance.randint(1, 29), wait_seconds=0)
        await consumer.commit(drained)
        await consumer.close()
        for path in chance.sample(segment_files(root / "j"), chance.randint(1, 3)):
            damage_at_random(path, chance)
        missing = verify(root / "j").missing
        left = {*range(1, 11), *range(20, 40)} - {int(each.value) for each in drained.records}
        read = await values_in(root)
        assert len(read) == len(set(read))
        assert set(read) <= left
        assert lost(root) == len(left) - len(read) <= missing


async def test_a_foreign_file_is_set_aside(tmp_path: Path) -> None:
    """A foreign file in a journal's folder is set aside and reported, and the journal is read."""
    await write(tmp_path / "j", 1)
    for name in ("notes.txt", "1.segment", "receiver-0.db"):
        (tmp_path / "j" / name).write_bytes(b"foreign")
    assert await values_in(tmp_path) == [1]
    assert sorted((tmp_path / "damaged" / damage.kept).read_bytes() for damage in damages(tmp_path)) == [b"foreign"] * 3
    assert lost(tmp_path) == 0
    assert len(list((tmp_path / "j").iterdir())) == 3


@pytest.mark.parametrize("position", [0, 2, 99999])
@pytest.mark.parametrize("while_read", [False, True])
async def test_the_name_of_a_foreign_segment_is_not_trusted(
    consumer: JournalConsumer, tmp_path: Path, position: int, *, while_read: bool
) -> None:
    """A file with only the name of a segment is set aside, and the position in its name is ignored."""
    await write(tmp_path / "j", 1, 2, 3)
    if while_read:
        assert await values(consumer) == [1, 2, 3]
    foreign = tmp_path / "j" / f"{position:020d}-deadbeef.segment"
    foreign.write_bytes(os.urandom(5000))
    assert verify(tmp_path / "j") == Verification("j", segments=1, records=3, waiting=3, missing=0, places=1)
    await write(tmp_path / "j", 4)
    assert await values(consumer) == ([4] if while_read else [1, 2, 3, 4])
    assert lost(tmp_path) == 0
    assert (tmp_path / "damaged" / damage_in(tmp_path).kept).stat().st_size == 5000
    assert not foreign.exists()
    assert lag(tmp_path) == 4


@pytest.mark.parametrize("change", [Path.unlink, overwrite])
async def test_a_lost_cursor_is_no_loss_of_records(tmp_path: Path, change: Callable[[Path], None]) -> None:
    """Without its cursor a journal is read again from the oldest segment, and drained segments do not count as lost."""
    journal, consumer = Journal(tmp_path / "j", segment_bytes=1), JournalConsumer(tmp_path, trim_seconds=0)
    await append(journal, *range(1, 11))
    await consumer.commit(await consumer.read(most=6, wait_seconds=0))
    for path in segment_files(tmp_path / "j")[:3]:
        os.utime(path, (0, 0))
    await consumer.read(most=1, wait_seconds=0)
    await consumer.close()
    change(tmp_path / "j" / "cursor")
    for _ in range(2):  # the second time without a commit since
        assert verify(tmp_path / "j").missing == 0
        assert await values_in(tmp_path) == list(range(4, 11))
    assert lag(tmp_path) == 7
    assert not list(damages(tmp_path))
    await journal.close()


@pytest.mark.parametrize("name", ["acknowledged", "cursor"])
@pytest.mark.parametrize("content", [b"", b"garbage\n", b"\xff" * 100])
async def test_a_damaged_position_loses_and_invents_nothing(tmp_path: Path, name: str, content: bytes) -> None:
    """If the mark or the cursor can't be read, every record is read, some again, and no loss is reported."""
    await write(tmp_path / "j", 1, 2, 3)
    consumer = JournalConsumer(tmp_path)
    await consumer.commit(await consumer.read(most=2, wait_seconds=0))
    await consumer.close()
    (tmp_path / "j" / name).write_bytes(content)
    assert (await values_in(tmp_path))[-1] == 3
    await write(tmp_path / "j", 4)
    assert (await values_in(tmp_path))[-2:] == [3, 4]
    assert lost(tmp_path) == 0


async def test_an_unreadable_journal_does_not_hold_up_others(
    consumer: JournalConsumer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the segments of one journal can't be opened, the others are read."""
    await write(tmp_path / "a", 1)
    await write(tmp_path / "b", 2)
    opened = SegmentFile.__init__

    def open_file(file: SegmentFile, segment: Segment) -> None:
        if segment.path.parent.name == "a":
            raise PermissionError
        opened(file, segment)

    with monkeypatch.context() as patch:
        patch.setattr(SegmentFile, "__init__", open_file)
        assert await values(consumer) == [2]
    assert await values(consumer) == [1]


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
async def test_only_a_regular_file_is_a_segment(tmp_path: Path, make: Callable[[Path], None]) -> None:
    """Reader, writer and verification ignore a pipe or a folder with a segment's name."""
    await write(tmp_path / "j", 1)
    make(tmp_path / "j" / "00000000000000099999-deadbeef.segment")
    await write(tmp_path / "j", 2)
    assert await values_in(tmp_path) == [1, 2]
    assert verify(tmp_path / "j").missing == lost(tmp_path) == 0


@pytest.mark.parametrize("name", ["cursor", "acknowledged"])
async def test_a_deleted_position_is_written_again(tmp_path: Path, name: str) -> None:
    """The lag stays exact if the mark or the cursor of a journal in use is deleted."""
    journal, consumer = Journal(tmp_path / "j"), JournalConsumer(tmp_path, trim_seconds=0)
    await append(journal, 1, 2, 3)
    await consumer.commit(await consumer.read(most=100, wait_seconds=0))
    (tmp_path / "j" / name).unlink()
    if name == "cursor":
        assert await values(consumer) == []
        assert lag(tmp_path) == 0
    await append(journal, 4)
    assert lag(tmp_path) == 1
    assert await values(consumer) == [4]
    await consumer.close()
    await journal.close()
    assert lost(tmp_path) == 0


async def test_drained_segments_are_deleted_after_a_while(tmp_path: Path) -> None:
    """Segments are deleted once they are drained and old enough, and never before they are drained."""
    journal, consumer = Journal(tmp_path / "j", segment_bytes=1), JournalConsumer(tmp_path, keep_seconds=3600)
    await append(journal, *range(1, 11))
    batch = await consumer.read(most=6, wait_seconds=0)
    await consumer.commit(batch)
    old = segment_files(tmp_path / "j")[:3]
    for path in old:
        os.utime(path, (0, 0))
    await consumer.close()
    consumer = JournalConsumer(tmp_path, keep_seconds=3600)
    assert await values(consumer) == [7, 8, 9, 10]
    assert [segment.first for segment in segments_in(tmp_path / "j")] == list(range(4, 11))
    await consumer.close()
    await journal.close()


async def test_after_a_reboot_kept_records_are_read_again(journal: Journal, tmp_path: Path) -> None:
    """A power loss may cost the embedded store acknowledged rows, so after a reboot all kept records are read again."""
    await append(journal, *range(10))
    for boot, expected in (("first", range(10)), ("first", []), ("second", range(10)), ("second", [])):
        consumer = JournalConsumer(tmp_path, boot=boot)
        batch = await consumer.read(most=100, wait_seconds=0)
        assert [int(record.value) for record in batch.records] == list(expected)
        await consumer.commit(batch)
        await consumer.close()
    assert lost(tmp_path) == 0


async def test_a_batch_is_bounded_in_bytes_within_a_group(journal: Journal, consumer: JournalConsumer) -> None:
    """A batch ends at the given number of bytes, even inside a group, and has at least one record."""
    await journal.append([*(record(number, 1000) for number in range(10)), record(10, 5000), record(11, 10)])
    sizes: list[int] = []
    read: list[int] = []
    while records := (await consumer.read(most=100, most_bytes=3000, wait_seconds=0)).records:
        sizes.append(len(records))
        read.extend(int(each.value) for each in records)
    assert sizes == [3, 3, 3, 2, 1]
    assert read == list(range(12))
