"""`dlrhub dead-letters replay` on the running program, after it was killed."""

import random
from pathlib import Path

from tests.program.history import (
    Rows,
    copied,
    made,
    post_unread,
    right_settings,
    set_up,
    stored,
    wrong_settings,
)
from tests.program.running import Program

LETTERS = 300


def _stored(program: Program) -> dict[str, Rows]:
    """Return every row; of dead letters without the time of the replay."""
    letters = program.ask("SELECT * EXCEPT (resolved_at), resolved_at IS NULL AS open FROM dead_letters ORDER BY ALL")
    return {**stored(program.ask), "dead_letters": letters}


def test_kills_of_a_replay_and_of_the_store_change_nothing(tmp_path: Path) -> None:
    """After SIGKILLs of the command and of the store process at any moment, another replay has the usual result."""
    killed = made(tmp_path / "killed", wrong_settings())
    with killed:
        post_unread(killed, LETTERS)
        killed.wait_until_drained()
        assert killed.stop() == 0
    set_up(killed, right_settings())
    replay = ("dead-letters", "replay", "--provider", "cm")
    with copied(killed, tmp_path / "alone") as alone:
        alone.call(*replay)
        alone.wait_until_drained()
        expected = _stored(alone)
    assert len(expected["reports"]) == len(expected["messages"]) == LETTERS
    assert not any(letter["open"] for letter in expected["dead_letters"])
    moments = random.Random(15)  # noqa: S311 - moments to kill at
    with killed:
        for _ in range(3):
            killed.cut_short(*replay, lines=moments.randint(1, LETTERS // 4), seconds=moments.uniform(0, 0.02))
            killed.kill_child("store")
        killed.call(*replay)
        killed.wait_until_drained()
        assert _stored(killed) == expected
