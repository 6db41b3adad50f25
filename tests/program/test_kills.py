"""No acknowledged report of the running program is lost or counted twice when its processes are killed."""

import os
import random
import signal
import time
from pathlib import Path

import orjson

from tests.program.running import Program, counts, stored_ids
from tests.program.traffic import Traffic
from tests.waiting import wait_until


def test_six_kills_of_the_whole_tree_lose_and_double_nothing(tmp_path: Path) -> None:
    """Acknowledged reports are stored and counted once when all processes are killed at any moment."""
    moments = random.Random(6)  # noqa: S311 - moments to kill at
    with Program(tmp_path) as program:
        with Traffic(lambda: program.receiver, reports_per_second=2000) as traffic:
            for _ in range(6):
                time.sleep(moments.uniform(0.3, 1.5))
                program.kill()
                program.start()
        program.wait_until_drained()
        held = stored_ids(program.ask)
        assert traffic.acknowledged > 200
        assert traffic.acknowledged_ids() <= held <= traffic.sent_ids()
        assert counts(program.ask) == {len(held)}


def test_a_stop_under_load_loses_nothing_and_is_clean(tmp_path: Path) -> None:
    """After SIGTERM the program finishes the requests in progress, and exits with 0 within ten seconds."""
    with Program(tmp_path) as program:
        with Traffic(lambda: program.receiver, reports_per_second=2000) as traffic:
            time.sleep(1)
            started = time.monotonic()
            assert program.stop() == 0
            assert time.monotonic() - started < 10
        program.start()
        program.wait_until_drained()
        assert traffic.acknowledged_ids() <= stored_ids(program.ask)


def test_a_part_that_dies_is_started_again(tmp_path: Path) -> None:
    """A receiver or store process that dies is started again, and counters do not go back."""
    with Program(tmp_path) as program:
        assert program.callback("juhe", b'[{"flag":1,"mid":"a","mobile":"18983437011","stat":"DELIVRD"}]')[0] == 200
        program.wait_until_drained()
        wait_until(lambda: program.metric('dlr_callbacks_total{outcome="stored",provider="juhe"}') == 1)
        for part in ("receiver", "store"):
            program.kill_child(part)
        wait_until(lambda: program.metric('dlr_callbacks_total{outcome="stored",provider="juhe"}') == 1)
        assert program.callback("juhe", b'[{"flag":1,"mid":"b","mobile":"18983437011","stat":"DELIVRD"}]')[0] == 200
        program.wait_until_drained()
        assert stored_ids(program.ask) == {"a", "b"}


def test_lag_is_measured_while_nothing_is_drained(tmp_path: Path) -> None:
    """While the store process is frozen, the lag counts the acknowledged records; then it falls to 0."""
    with Program(tmp_path) as program:
        wait_until(lambda: program.metric("dlr_stream_lag_records") == 0.0)
        store = program.child("store")
        os.kill(store, signal.SIGSTOP)
        items = [{"flag": 1, "mid": f"m-{number}", "mobile": "18983437011", "stat": "DELIVRD"} for number in range(7)]
        assert program.callback("juhe", orjson.dumps(items))[0] == 200
        wait_until(lambda: program.metric("dlr_stream_lag_records") == 7.0)
        os.kill(store, signal.SIGCONT)
        wait_until(lambda: program.metric("dlr_stream_lag_records") == 0.0)


def test_children_do_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    """If only the parent process is killed, its children stop by themselves, and dlrhub can be started again."""
    with Program(tmp_path) as program:
        children = [program.child(part) for part in ("receiver", "store")]
        assert program.process is not None
        program.process.kill()
        program.process.wait()
        wait_until(lambda: not any(Path(f"/proc/{child}").exists() for child in children), seconds=10)
        program.start()
