"""Stored reports are read again on the running program: beside live traffic, and killed at any moment."""

import os
import random
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.program.history import Rows, copied, has_history, post_history, stored, use_right_table, wait_until_drained
from tests.program.running import Program

#: Columns of receipts, which two runs can't share, and `revision`.
CLOCKS = {
    "reports": "received_at, revision",
    "messages": "first_received_at, last_received_at",
    "submissions": "received_at",
}


def _without_clocks(program: Program) -> dict[str, Rows]:
    rows = {
        view: program.ask(f"SELECT * EXCEPT ({columns}) FROM {view} WHERE account = 'history' ORDER BY ALL")
        for view, columns in CLOCKS.items()
    }
    rows["stats"] = program.ask(
        "SELECT provider, account, country, status, reason, sum(reports) AS reports FROM stats"
        " WHERE account = 'history' GROUP BY ALL ORDER BY ALL"
    )
    return rows


def _clocks(program: Program) -> dict[str, Rows]:
    """Return when each report, and each message, was received."""
    return {
        "reports": program.ask("SELECT event_id, received_at FROM reports WHERE account = 'history' ORDER BY ALL"),
        "messages": program.ask(
            "SELECT provider, message_id, first_received_at, last_received_at FROM messages"
            " WHERE account = 'history' ORDER BY ALL"
        ),
        "minutes": program.ask(
            "SELECT minute, sum(reports) AS n FROM stats WHERE account = 'history' GROUP BY ALL ORDER BY ALL"
        ),
    }


def mend_beside_traffic(folder: Path, *, reports: int, callbacks: int, per_second: int) -> None:
    """Mend the history's table, read it again while `dlrhub simulate` runs, and compare with a run under the right one."""
    with has_history(folder / "mended", reports) as mended:
        before = _clocks(mended)
        assert mended.stop() == 0
    use_right_table(mended)
    with mended, ThreadPoolExecutor(1) as beside:
        simulate = ("simulate", "--account", "default", "--count", str(callbacks), "--rate", str(per_second))
        traffic = beside.submit(mended.call, *simulate, seconds=30 + callbacks / per_second)
        time.sleep(1)
        said = mended.call("renormalize", "--account", "history", seconds=120)
        assert not traffic.done()
        assert "everything acknowledged is stored once" in traffic.result()
        wait_until_drained(mended)
        found, after = _without_clocks(mended), _clocks(mended)
    assert f"{reports} reports read again" in said
    assert after == before
    (folder / "fresh").mkdir()
    fresh = Program(folder / "fresh")
    use_right_table(fresh)
    with fresh:
        post_history(fresh, reports)
        wait_until_drained(fresh)
        expected = _without_clocks(fresh)
    assert {view: len(rows) for view, rows in found.items()} == {view: len(rows) for view, rows in expected.items()}
    assert found == expected


def test_a_wrong_row_is_mended_beside_live_traffic(tmp_path: Path) -> None:
    """One command after the mending of a table, every row is that of a run under the right table, but for its receipts."""
    mend_beside_traffic(tmp_path, reports=3000, callbacks=500, per_second=100)


def test_kills_of_renormalize_and_of_the_store_change_nothing(tmp_path: Path) -> None:
    """After SIGKILLs of the command and of the store process at any moment, one more run ends as one run alone."""
    with has_history(tmp_path / "killed", 4000) as killed:
        before = stored(killed)
        assert killed.stop() == 0
    use_right_table(killed)
    with copied(killed, tmp_path / "alone") as alone:
        started = time.monotonic()
        alone.call("renormalize")
        seconds = time.monotonic() - started
        wait_until_drained(alone)
        expected = stored(alone)
    assert expected != before
    moments = random.Random(15)  # noqa: S311 - moments to kill at
    with killed:
        for _ in range(3):
            killed.cut_short("renormalize", seconds=seconds * moments.uniform(0.6, 1))
            time.sleep(moments.uniform(0, 0.5))
            os.kill(killed.child("store"), signal.SIGKILL)
            time.sleep(0.3)
            killed.wait_until_ready()
        killed.call("renormalize")
        wait_until_drained(killed)
        assert stored(killed) == expected
