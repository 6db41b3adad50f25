"""What a machine's power takes with it: nothing that was acknowledged, which only the system calls can tell."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_APPENDS = 300
#: Enough for several checkpoints, after each of which the log is written from its start again.
_SCRIPT = f"""
import asyncio, os, sys
from pathlib import Path
from sinks.journal.journal import Journal
from sinks.stream import Record, Topic

async def main():
    journal = Journal(Path(sys.argv[1]))
    for number in range({_APPENDS}):
        await journal.append([Record(Topic.REPORTS, "k", "cm", os.urandom(30_000))])
        print("acknowledged", flush=True)
    await journal.close()

asyncio.run(main())
"""


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_an_append_returns_after_the_disk_has_what_it_wrote(tmp_path: Path) -> None:
    """All that was written to the log is synced before an append returns, also when the log starts again."""
    trace = tmp_path / "trace"
    calls = "trace=pwrite64,io_submit,io_getevents,write"
    subprocess.run(
        ["strace", "-y", "-s16", "-e", calls, "-o", trace, sys.executable, "-c", _SCRIPT, tmp_path / "j.db"],
        stdout=subprocess.DEVNULL,
        check=True,
        timeout=60,
    )
    acknowledged = beginnings = 0
    unsynced = syncing = False
    for call in trace.read_text(encoding="utf-8").splitlines():
        if call.startswith("pwrite64") and "/j.db-wal>" in call:
            unsynced, syncing = True, False
            beginnings += call.endswith(", 0) = 32")  # the log's header
        elif "IOCB_CMD_FDSYNC" in call and "/j.db-wal>" in call:
            syncing = True
        elif call.startswith("io_getevents") and "res=0" in call and syncing:
            unsynced = False
        elif "acknowledged" in call:
            assert not unsynced
            acknowledged += 1
    assert acknowledged == _APPENDS
    assert beginnings >= 3
