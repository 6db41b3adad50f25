"""The state that a poller keeps across restarts."""

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from ingest.polling.state import PollState, SavedAnswer, Tick
from sinks.clickhouse.pending import Position

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


async def test_answers_are_read_in_order_until_they_are_let_go_of(tmp_path: Path) -> None:
    """An answer that was kept is there after a restart, the oldest of its account first."""
    with closing(PollState(tmp_path / "poll.db")) as state:
        first = await state.save_answer("juhe", "a", "report", NOON, b"1")
        await state.save_answer("juhe", "b", "report", NOON, b"other")
        second = await state.save_answer("juhe", "a", "mo", NOON, b"2")
    with closing(PollState(tmp_path / "poll.db")) as state:
        assert await state.oldest_answer("juhe", "a") == SavedAnswer(first, "report", NOON, b"1")
        await state.delete_answer(first)
        assert await state.oldest_answer("juhe", "a") == SavedAnswer(second, "mo", NOON, b"2")
        await state.delete_answer(second)
        assert await state.oldest_answer("juhe", "a") is None
        assert await state.oldest_answer("juhe", "b") is not None


async def test_a_tick_goes_on_where_it_was(tmp_path: Path) -> None:
    """The last tick of an account is still known after a restart."""
    tick = Tick(1.5, 2.5, 7, Position(5, "m-1", "+1"))
    with closing(PollState(tmp_path / "poll.db")) as state:
        assert await state.tick("santo", "a") is None
        await state.save_tick("santo", "a", Tick(0.0, 1.5))
        await state.save_tick("santo", "a", tick)
    with closing(PollState(tmp_path / "poll.db")) as state:
        assert await state.tick("santo", "a") == tick
        assert await state.tick("santo", "b") is None
