"""Records that can be told from one another, and what a consumer reads of them."""

from pathlib import Path

from sinks.journal.consumer import JournalConsumer
from sinks.journal.damage import Damage, damages
from sinks.journal.segment import segments_in
from sinks.journal.writer import Journal
from sinks.stream import Record, Topic


def record(number: int, size: int = 10) -> Record:
    """Make a record."""
    return Record(Topic.REPORTS, f"m-{number}", "cm", f"{number}".encode().ljust(size))


async def append(journal: Journal, *numbers: int) -> None:
    """Append records one by one, each a group."""
    for number in numbers:
        await journal.append([record(number)])


async def write(folder: Path, *numbers: int) -> None:
    """Append records to a journal that is opened and closed: they are a segment."""
    journal = Journal(folder)
    await append(journal, *numbers)
    await journal.close()


async def values(consumer: JournalConsumer) -> list[int]:
    """Read all there is."""
    found: list[int] = []
    while batch := (await consumer.read(most=1_000_000, wait_seconds=0)).records:
        found.extend(int(each.value) for each in batch)
    return found


async def values_in(root: Path) -> list[int]:
    """Read all that is in a folder of journals, from their cursors on, and commit nothing."""
    consumer = JournalConsumer(root)
    try:
        return await values(consumer)
    finally:
        await consumer.close()


def lost(root: Path) -> int:
    """Count the acknowledged records that are said to be lost."""
    return sum(damage.records for damage in damages(root))


def damage_in(root: Path) -> Damage:
    """Return the one damage that was found."""
    [damage] = damages(root)
    return damage


def segment_files(folder: Path) -> list[Path]:
    """List a journal's segments in their order."""
    return [segment.path for segment in segments_in(folder)]
