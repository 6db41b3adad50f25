"""The promise, on the running program: an acknowledged report is never lost and never counted twice."""

import os
import random
import signal
import time
from pathlib import Path

import orjson

from sinks.journal.consumer import lag
from tests.program.providers import Providers
from tests.program.running import Program, counts


def wait_for_store(program: Program) -> set[str]:
    """Return the ids in the store once all that the journals hold is drained, and there is something."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if lag(program.folder / "dlrhub-data" / "journal") == 0:
            held = {row["message_id"] for row in program.ask("SELECT message_id FROM reports")}
            if held:
                return held
        time.sleep(0.2)
    raise AssertionError("the journals are not drained")


def test_six_kills_of_the_whole_tree_lose_and_double_nothing(tmp_path: Path) -> None:
    """Acknowledged reports are in the store once, by every way of counting, whatever process is killed."""
    moments = random.Random(6)  # noqa: S311 - moments to kill at
    program = Program(tmp_path)
    providers = Providers(program)
    with program:
        providers.start()
        try:
            for _ in range(6):
                time.sleep(moments.uniform(0.3, 1.5))
                program.kill()
                program.start()
        finally:
            providers.stop()
        held = wait_for_store(program)
        assert len(providers.acknowledged) > 200
        assert providers.acknowledged <= held <= providers.sent
        assert counts(program.ask) == {len(held)}


def test_a_stop_under_load_loses_nothing_and_is_clean(tmp_path: Path) -> None:
    """SIGTERM stops accepting, finishes what is in flight, flushes, and exits with 0 within ten seconds."""
    with Program(tmp_path) as program:
        providers = Providers(program)
        providers.start()
        time.sleep(1)
        started = time.monotonic()
        status = program.stop()
        seconds = time.monotonic() - started
        providers.stop()
        assert status == 0
        assert seconds < 10
        program.start()
        held = wait_for_store(program)
        assert providers.acknowledged <= held


def test_a_part_that_dies_is_started_again(tmp_path: Path) -> None:
    """A receiver or store that dies comes back by itself, and counters do not go back."""
    with Program(tmp_path) as program:
        assert program.callback("juhe", b'[{"flag":1,"mid":"a","mobile":"18983437011","stat":"DELIVRD"}]')[0] == 200
        wait_for_store(program)
        wait_for_metric(program, 'dlr_callbacks_total{outcome="stored",provider="juhe"} 1.0')
        for part in ("receiver", "store"):
            os.kill(program.child(part), signal.SIGKILL)
            time.sleep(0.3)
            program.wait_until_ready()
        wait_for_metric(program, 'dlr_callbacks_total{outcome="stored",provider="juhe"} 1.0')
        assert program.callback("juhe", b'[{"flag":1,"mid":"b","mobile":"18983437011","stat":"DELIVRD"}]')[0] == 200
        assert wait_for_store(program) == {"a", "b"}


def test_lag_is_told_while_nothing_is_drained(tmp_path: Path) -> None:
    """While the store process stands still, what was acknowledged is lag; it is 0 again once it is stored."""
    with Program(tmp_path) as program:
        wait_for_metric(program, "dlr_stream_lag_records 0.0")
        store = program.child("store")
        os.kill(store, signal.SIGSTOP)
        items = [{"flag": 1, "mid": f"m-{number}", "mobile": "18983437011", "stat": "DELIVRD"} for number in range(7)]
        assert program.callback("juhe", orjson.dumps(items))[0] == 200
        wait_for_metric(program, "dlr_stream_lag_records 7.0")
        os.kill(store, signal.SIGCONT)
        wait_for_metric(program, "dlr_stream_lag_records 0.0")


def test_children_do_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    """If only the supervisor is killed, its children stop by themselves, and a new one can start at once."""
    with Program(tmp_path) as program:
        children = [program.child(part) for part in ("receiver", "store")]
        assert program.process is not None
        program.process.kill()
        program.process.wait()
        deadline = time.monotonic() + 10
        while any(Path(f"/proc/{child}").exists() for child in children):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        program.start()


def wait_for_metric(program: Program, line: str) -> None:
    """Wait until a scrape holds a line."""
    deadline = time.monotonic() + 10
    while line not in program.get(program.admin, "/metrics")[1].decode():
        assert time.monotonic() < deadline, line
        time.sleep(0.1)
