"""`dlrhub renormalize` on the running program, during live traffic and after it was killed."""

import random
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.program.history import (
    Rows,
    copied,
    made,
    post_history,
    right_settings,
    set_up,
    stored,
    wrong_settings,
)
from tests.program.running import Program


def _read_wrongly(folder: Path, reports: int) -> Program:
    """Return a stopped program that has stored the history under the wrong settings."""
    program = made(folder, wrong_settings())
    with program:
        post_history(program, reports)
        program.wait_until_drained()
        assert program.stop() == 0
    return program


def _receipts(program: Program) -> list[Rows]:
    """Return when each report and each message was received."""
    history = "WHERE account = 'history'"
    return [
        program.ask(f"SELECT event_id, received_at FROM reports {history} ORDER BY ALL"),
        program.ask(f"SELECT message_id, first_received_at, last_received_at FROM messages {history} ORDER BY ALL"),
        program.ask(f"SELECT minute, sum(reports) AS n FROM stats {history} GROUP BY ALL ORDER BY ALL"),
    ]


def mend_beside_traffic(folder: Path, *, reports: int, callbacks: int, per_second: int) -> None:
    """Correct the settings, renormalize while `dlrhub simulate` runs, and compare with a fresh program's rows."""
    mended = _read_wrongly(folder / "mended", reports)
    set_up(mended, right_settings())
    with mended, ThreadPoolExecutor(1) as beside:
        before = _receipts(mended)
        simulate = ("simulate", "--account", "default", "--count", str(callbacks), "--rate", str(per_second))
        traffic = beside.submit(mended.call, *simulate, seconds=60 + callbacks / per_second)
        time.sleep(1)
        output = mended.call("renormalize", "--account", "history", seconds=120)
        assert f"{reports} reports read again" in output
        assert not traffic.done()
        assert "everything acknowledged is stored once" in traffic.result()
        mended.wait_until_drained()
        found = stored(mended.ask, without_clocks=True)
        assert _receipts(mended) == before
    with made(folder / "fresh", right_settings()) as fresh:
        post_history(fresh, reports)
        fresh.wait_until_drained()
        assert found == stored(fresh.ask, without_clocks=True)


def test_a_wrong_row_is_mended_beside_live_traffic(tmp_path: Path) -> None:
    """After `renormalize` under corrected settings, every row equals that of a run which had them from the start."""
    mend_beside_traffic(tmp_path, reports=3000, callbacks=500, per_second=100)


def test_kills_of_renormalize_and_of_the_store_change_nothing(tmp_path: Path) -> None:
    """After SIGKILLs of the command and of the store process at any moment, another run has the usual result."""
    killed = _read_wrongly(tmp_path / "killed", 4000)
    set_up(killed, right_settings())
    with copied(killed, tmp_path / "alone") as alone:
        before = stored(alone.ask)
        started = time.monotonic()
        alone.call("renormalize")
        seconds = time.monotonic() - started
        alone.wait_until_drained()
        expected = stored(alone.ask)
    assert expected != before
    moments = random.Random(15)  # noqa: S311 - moments to kill at
    with killed:
        killed.cut_short("renormalize", seconds=seconds * moments.uniform(0.9, 1.1))
        _wait_for_half_a_batch(killed)
        for _ in range(3):
            killed.kill_child("store")
            killed.cut_short("renormalize", seconds=seconds * moments.uniform(0.6, 1))
        killed.call("renormalize")
        killed.wait_until_drained()
        assert stored(killed.ask) == expected


def _wait_for_half_a_batch(program: Program) -> None:
    """Return when the store has the first reports of a batch, or after five seconds."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if program.ask("SELECT countIf(revision > 0) > 0 AS begun FROM reports") == [{"begun": 1}]:
            return
