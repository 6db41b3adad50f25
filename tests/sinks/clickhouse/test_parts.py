"""Damage on the disk is found, whether somebody asks for the rows or not."""

import asyncio
from pathlib import Path

from sinks.clickhouse.parts import Part, PartChecker
from sinks.clickhouse.store import Store
from sinks.stream import Topic
from tests.factories import make_report
from tests.waiting import until

PARTS = "SELECT name, path FROM system.parts WHERE active AND database = {database:String} AND table = 'reports'"


def insert(store: Store, *ids: str) -> None:
    """Store reports, one part each."""
    for message_id in ids:
        raw = "".join(chr(33 + (number * 7919) % 90) for number in range(2000))
        store.insert(Topic.REPORTS, [make_report(message_id=message_id, raw=raw)])


def flip(folder: Path) -> None:
    """Change six bytes in the middle of a part's rows."""
    file = folder / "data.bin"
    data = bytearray(file.read_bytes())
    for offset in range(6):
        data[len(data) // 2 + offset] ^= 0xFF
    file.chmod(0o644)
    file.write_bytes(data)


async def test_a_damaged_part_is_found_and_named_once(store: Store) -> None:
    """Flipped bytes in one part are told of that part alone, and no more once the part is gone."""
    store.client.command(f"SYSTEM STOP MERGES {store.internal}.reports")
    insert(store, "a", "b")
    [first, _] = store.client.query(PARTS, {"database": store.internal}).result_rows
    name, folder = first[0], Path(first[1])
    engine = next(parent for parent in folder.parents if parent.name == "store").parent
    found: list[tuple[Part, str]] = []
    counts: list[int] = []
    checker = PartChecker(engine, lambda part, fault: found.append((part, fault)), counts.append, round_seconds=0.05)
    flip(folder)
    checking = asyncio.create_task(checker.run())
    try:
        await until(lambda: bool(found), seconds=60)
        await asyncio.sleep(0.3)
        [(part, fault)] = found
        assert part == Part(store.internal, "reports", name)
        assert "CHECKSUM" in fault
        assert counts[-1] == 1
        store.client.command(f"TRUNCATE TABLE {store.internal}.reports")
        await until(lambda: counts[-1] == 0, seconds=60)
    finally:
        checking.cancel()
        await asyncio.wait([checking])
