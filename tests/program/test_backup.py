"""Backup and restore of a running program: every report that was acknowledged before, row for row."""

from pathlib import Path
from typing import Any

from tests.program.running import Program
from tests.program.traffic import Traffic

_TABLES = {"reports": "event_id", "messages": "message_id", "inbound": "event_id"}


def post(program: Program, first: int, count: int) -> None:
    """Post an array of Juhe reports."""
    items = ",".join(
        f'{{"flag":1,"mobile":"138{number:08d}","stat":"DELIVRD","mid":"m{number}","time":"2026-11-20 12:00:00"}}'
        for number in range(first, first + count)
    )
    assert program.callback("juhe", f"[{items}]".encode())[0] == 200


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
        with Traffic(lambda: program.receiver, reports_per_second=1000) as traffic:
            traffic.wait_for_more(500)
            program.call("backup", str(backups))
            traffic.wait_for_more(500)
            before = traffic.acknowledged_ids()
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
        assert before <= reports
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
