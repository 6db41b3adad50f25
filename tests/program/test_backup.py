"""Backup and restore of a running program: every report that was acknowledged before, row for row."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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
    """Post in the background; yield a function that counts the acknowledged reports."""
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
    """Return the rows of a table by id and recipient."""
    found = program.ask(f"SELECT * FROM dlr.{table} ORDER BY ALL")
    return {(row[_TABLES[table]], row.get("recipient")): row for row in found}


def restored(folder: Path, backups: Path) -> Program:
    """Restore the latest backup into a new folder."""
    program = Program(folder)
    program.call("restore", str(backups))
    return program


def test_a_backup_under_load_is_restored_row_for_row(tmp_path: Path) -> None:
    """A backup that is taken under load has all reports that were acknowledged before, and every row is the same."""
    backups = tmp_path / "backups"
    with Program(tmp_path / "program") as program:
        before = 0
        with load(program) as acknowledged:
            for least in (500, 1500):
                while acknowledged() < least:
                    time.sleep(0.05)
                before = acknowledged()
                program.call("backup", str(backups))
        program.wait_until_drained()
        expected = {table: rows(program, table) for table in _TABLES}
    assert len(list((backups / "backups").iterdir())) == 2
    with restored(tmp_path / "copy", backups) as copy:
        copy.wait_until_drained()
        for table, wanted in expected.items():
            found = rows(copy, table)
            assert all(wanted[key] == row for key, row in found.items())
        reports = {row["message_id"] for row in rows(copy, "reports").values()}
        assert {f"m{number}" for number in range(before)} <= reports
        assert {row["message_id"] for row in rows(copy, "messages").values()} == reports
        assert copy.get(copy.admin, "/metrics")[1].find(b"dlr_journal_lost_records 0.0") > 0


def test_a_backup_and_a_restore_that_are_killed_are_run_again(tmp_path: Path) -> None:
    """After SIGKILL of a backup or a restore at any moment, running the command again succeeds."""
    backups = tmp_path / "backups"
    with Program(tmp_path / "program") as program:
        for first in range(0, 3000, 500):
            post(program, first, 500)
        program.wait_until_drained()
        for tries in range(4):
            program.cut_short("backup", str(backups), seconds=0.9 + 0.15 * tries)
        program.call("backup", str(backups))
        expected = {table: rows(program, table) for table in _TABLES}
    copy = Program(tmp_path / "copy")
    data = copy.folder / "dlrhub-data"
    for tries in range(4):
        copy.cut_short("restore", str(backups), seconds=1.0 + 0.4 * tries)
        if (data / "store").exists() and not (data / "restoring").exists():
            break  # it ended before the kill
    else:
        copy.call("restore", str(backups))
    with copy:
        for table, wanted in expected.items():
            assert rows(copy, table) == wanted
