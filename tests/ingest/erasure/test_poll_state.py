"""The pollers' state keeps nothing of an erased number."""

from pathlib import Path

from ingest.erasure.poll_state import erase_from_poll_state
from ingest.polling.state import PollState, Tick
from sinks.clickhouse.pending import Position
from tests.factories import NOON

NUMBER = "+8618688888888"


async def test_answers_and_positions_are_erased(tmp_path: Path) -> None:
    """The number is redacted in kept answers, and a position that names it is dropped; the file has it no more."""
    path = tmp_path / "poll.db"
    state = PollState(path)
    await state.save_answer("juhe", "default", "reports", NOON, b'[{"mobile": "18688888888"}]')
    await state.save_tick("santo", "default", Tick(1.0, 2.0, 3, Position(1_000_000, "m-1", NUMBER)))
    await state.save_tick("santo", "other", Tick(1.0, 2.0, 3, Position(1_000_000, "m-1", "+447911123456")))
    assert await erase_from_poll_state(path, NUMBER) == 2
    kept = await state.oldest_answer("juhe", "default")
    assert kept is not None
    assert kept.body == b'[{"mobile": "***"}]'
    assert await state.tick("santo", "default") is None
    assert await state.tick("santo", "other") is not None
    state.close()
    assert b"18688888888" not in path.read_bytes()


async def test_no_state_is_no_fault(tmp_path: Path) -> None:
    """An installation that asks no provider has no such file."""
    assert await erase_from_poll_state(tmp_path / "poll.db", NUMBER) == 0
