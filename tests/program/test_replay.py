"""Dead letters are replayed on the running program: killed at any moment, they are the reports that they would have been."""

import os
import random
import signal
import time
from pathlib import Path

from tests.program.history import (
    Rows,
    copied,
    made,
    post_unread,
    right_settings,
    set_up,
    stored,
    wait_until_drained,
    wrong_settings,
)
from tests.program.running import Program

LETTERS = 300


def _stored(program: Program) -> dict[str, Rows]:
    """Return every row, of dead letters all but the time of the replay."""
    letters = program.ask("SELECT * EXCEPT (resolved_at), resolved_at IS NULL AS open FROM dead_letters ORDER BY ALL")
    return {**stored(program.ask), "dead_letters": letters}


def test_kills_of_a_replay_and_of_the_store_change_nothing(tmp_path: Path) -> None:
    """After SIGKILLs of the command and of the store process at any moment, one more replay ends as one alone."""
    killed = made(tmp_path / "killed", wrong_settings())
    with killed:
        post_unread(killed, LETTERS)
        wait_until_drained(killed)
        assert killed.stop() == 0
    set_up(killed, right_settings())
    replay = ("dead-letters", "replay", "--provider", "cm")
    with copied(killed, tmp_path / "alone") as alone:
        alone.call(*replay)
        wait_until_drained(alone)
        expected = _stored(alone)
    assert len(expected["reports"]) == len(expected["messages"]) == LETTERS
    assert not any(letter["open"] for letter in expected["dead_letters"])
    moments = random.Random(15)  # noqa: S311 - moments to kill at
    with killed:
        for _ in range(3):
            killed.cut_short(*replay, lines=moments.randint(1, LETTERS // 4), seconds=moments.uniform(0, 0.02))
            os.kill(killed.child("store"), signal.SIGKILL)
            time.sleep(0.3)
            killed.wait_until_ready()
        killed.call(*replay)
        wait_until_drained(killed)
        assert _stored(killed) == expected
