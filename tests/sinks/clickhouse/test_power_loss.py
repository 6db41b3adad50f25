"""The embedded store loses nothing with the power that the cursor has passed, as its system calls show."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_INSERTS = 5
_SCRIPT = f"""
import asyncio, sys
from pathlib import Path
from sinks.clickhouse.migrate import migrate
from sinks.clickhouse.store import open_embedded
from sinks.journal.consumer import JournalConsumer
from sinks.journal.writer import Journal
from sinks.records import report_record
from sinks.rows import check
from sinks.stream import Topic
from tests.factories import make_report

async def main():
    root = Path(sys.argv[1])
    store = open_embedded(root / "store")
    migrate(store)
    journal, consumer = Journal(root / "journal" / "receiver-0"), JournalConsumer(root / "journal")
    for number in range({_INSERTS}):
        await journal.append([report_record(make_report(message_id=f"m-{{number}}-{{each}}")) for each in range(20)])
        batch = await consumer.read(most=100, wait_seconds=5)
        store.insert(Topic.REPORTS, [check(Topic.REPORTS, record.value) for record in batch.records])
        await consumer.commit(batch)
    await consumer.close()
    await journal.close()
    store.close()

asyncio.run(main())
"""
#: What the folder of a part is called while it is written.
_INSERTED = "tmp_insert_"
_CALL = re.compile(r"(?P<thread>\d+) +(?P<name>\w+)\((?P<arguments>.*)")
_RESUMED = re.compile(r"(?P<thread>\d+) +<\.\.\. \w+ resumed>")


class Trace:
    """The files and folders of inserted parts that were changed and not synced, as the calls go by."""

    def __init__(self) -> None:
        """Nothing was changed."""
        self.unsynced: set[str] = set()
        self.parts = self.cursor_writes = 0
        self._syncing: dict[str, str] = {}

    def call(self, line: str) -> None:
        """Take one line of the trace."""
        if found := _RESUMED.match(line):
            self.unsynced.discard(self._syncing.pop(found["thread"], ""))
        elif found := _CALL.match(line):
            paths = re.findall(r'<(/[^>]*)>|"(/[^"]*)"', found["arguments"])
            if paths:
                self._done(found["name"], [(first or second).rstrip("/") for first, second in paths])
            if found["name"].endswith("sync"):
                if line.endswith("<unfinished ...>"):
                    self._syncing[found["thread"]] = paths[0][0]
                else:
                    self.unsynced.discard(paths[0][0])

    def _done(self, name: str, paths: list[str]) -> None:
        if name.startswith("rename") and _INSERTED in paths[0]:
            old, new = paths
            self.unsynced = {path.replace(old, new) for path in self.unsynced} | {str(Path(new).parent)}
            self.parts += 1
        elif "write" in name and _INSERTED in paths[0]:
            self.unsynced |= {paths[0], str(Path(paths[0]).parent)}
        elif "write" in name and paths[0].endswith("/cursor"):
            self.cursor_writes += 1
            if self.cursor_writes > 1:  # the first one says that nothing is drained
                assert not self.unsynced


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_the_cursor_moves_after_the_disk_has_the_rows(tmp_path: Path) -> None:
    """Each file of an inserted part, its folder and its name are synced before the cursor moves behind its rows."""
    trace = tmp_path / "trace"
    calls = "trace=write,writev,pwrite64,pwritev,fsync,fdatasync,rename,renameat,renameat2"
    command = [sys.executable, "-c", _SCRIPT, str(tmp_path / "data")]
    subprocess.run(["strace", "-f", "-y", "-s0", "-e", calls, "-o", str(trace), *command], check=True, timeout=120)
    found = Trace()
    for line in trace.read_text(encoding="utf-8", errors="replace").splitlines():
        found.call(line)
    assert found.cursor_writes == 1 + _INSERTS
    assert found.parts >= 2 * _INSERTS  # reports, and messages
