"""The promise of a backup: all that was acknowledged before it began, row for row, whatever happens meanwhile."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sinks.journal.consumer import lag
from tests.program.running import Program

_TABLES = {"reports": "event_id", "messages": "message_id", "inbound": "event_id"}


def post(program: Program, first: int, count: int) -> int:
    """Post Juhe reports one array at a time, and return how many were acknowledged."""
    items = ",".join(
        f'{{"flag":1,"mobile":"138{number:08d}","stat":"DELIVRD","mid":"m{number}","time":"2026-11-20 12:00:00"}}'
        for number in range(first, first + count)
    )
    status, _ = program.post(program.receiver, "/callbacks/juhe", f"[{items}]".encode())
    return count if status == 200 else 0


@contextmanager
def load(program: Program) -> Iterator[Callable[[], int]]:
    """Post all the time; yield what tells how many reports were acknowledged so far."""
    acknowledged, stopping = 0, threading.Event()

    def run() -> None:
        nonlocal acknowledged
        while not stopping.is_set():
            acknowledged += post(program, acknowledged, 20)
            time.sleep(0.01)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield lambda: acknowledged
    finally:
        stopping.set()
        thread.join()


def rows(program: Program, table: str) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Return the rows of a table by what tells them apart."""
    found = program.ask(f"SELECT * FROM dlr.{table} ORDER BY ALL")
    return {(row[_TABLES[table]], row.get("recipient")): row for row in found}


def wait_for_drain(program: Program, count: int) -> None:
    """Wait until the store has so many reports, and nothing waits to be drained."""
    deadline = time.monotonic() + 60
    while lag(program.folder / "dlrhub-data" / "journal"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert int(program.ask("SELECT count() AS n FROM dlr.reports")[0]["n"]) >= count


def restored(folder: Path, backups: Path) -> Program:
    """Restore the latest backup into a new folder."""
    folder.mkdir()
    program = Program(folder)
    program.call("restore", str(backups))
    return program


def test_a_backup_under_load_is_restored_row_for_row(tmp_path: Path) -> None:
    """Backups that are taken while reports come in hold all that was acknowledged before, and every row is the same."""
    (tmp_path / "hub").mkdir()
    backups = tmp_path / "backups"
    with Program(tmp_path / "hub") as hub:
        before = 0
        with load(hub) as acknowledged:
            for least in (500, 1500):
                while acknowledged() < least:
                    time.sleep(0.05)
                before = acknowledged()
                hub.call("backup", str(backups))
            total_before_end = acknowledged()
        wait_for_drain(hub, total_before_end)
        expected = {table: rows(hub, table) for table in _TABLES}
    assert len(list((backups / "backups").iterdir())) == 2
    with restored(tmp_path / "copy", backups) as copy:
        wait_for_drain(copy, before)
        for table, wanted in expected.items():
            found = rows(copy, table)
            assert all(wanted[key] == row for key, row in found.items())
        reports = {row["message_id"] for row in rows(copy, "reports").values()}
        assert {f"m{number}" for number in range(before)} <= reports
        assert {row["message_id"] for row in rows(copy, "messages").values()} == reports
        assert copy.get(copy.admin, "/metrics")[1].find(b"dlr_journal_lost_records 0.0") > 0


def test_a_backup_and_a_restore_that_are_killed_are_run_again(tmp_path: Path) -> None:
    """SIGKILL at any moment of a backup or a restore leaves nothing that the same command, run again, does not mend."""
    (tmp_path / "hub").mkdir()
    backups = tmp_path / "backups"
    with Program(tmp_path / "hub") as hub:
        for first in range(0, 3000, 500):
            post(hub, first, 500)
        wait_for_drain(hub, 3000)
        for tries in range(4):
            hub.cut_short("backup", str(backups), seconds=0.9 + 0.15 * tries)
        hub.call("backup", str(backups))
        expected = {table: rows(hub, table) for table in _TABLES}
    copy = Program(tmp_path / "copy")
    copy.folder.mkdir()
    data = copy.folder / "dlrhub-data"
    for tries in range(4):
        copy.cut_short("restore", str(backups), seconds=1.0 + 0.4 * tries)
        if (data / "store").exists() and not (data / "restoring").exists():
            break  # it was quicker than the kill
    else:
        copy.call("restore", str(backups))
    with copy:
        for table, wanted in expected.items():
            assert rows(copy, table) == wanted
