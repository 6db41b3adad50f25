"""Appends numbered records to a journal, and reads them back."""

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
    """Append records one by one, each as a group."""
    for number in numbers:
        await journal.append([record(number)])


async def write(folder: Path, *numbers: int) -> None:
    """Open a journal, append records as one segment, and close it."""
    journal = Journal(folder)
    await append(journal, *numbers)
    await journal.close()


async def values(consumer: JournalConsumer) -> list[int]:
    """Read all records."""
    found: list[int] = []
    while batch := (await consumer.read(most=1_000_000, wait_seconds=0)).records:
        found.extend(int(each.value) for each in batch)
    return found


async def values_in(root: Path) -> list[int]:
    """Read all records after the cursors of a folder's journals, without a commit."""
    consumer = JournalConsumer(root)
    try:
        return await values(consumer)
    finally:
        await consumer.close()


def lost(root: Path) -> int:
    """Count the acknowledged records that are reported as lost."""
    return sum(damage.records for damage in damages(root))


def damage_in(root: Path) -> Damage:
    """Return the one damage that was found."""
    [damage] = damages(root)
    return damage


def segment_files(folder: Path) -> list[Path]:
    """List a journal's segments in their order."""
    return [segment.path for segment in segments_in(folder)]
