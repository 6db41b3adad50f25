"""The pace at which a provider is asked."""

import asyncio
import itertools

import pytest

from ingest.polling.pace import DENIED_SECONDS, Pace
from normalizers.polling import PollOutcome


async def take(pace: Pace, count: int, *, seconds: float = 0.0) -> tuple[list[float], int]:
    """Take turns of a given length, and return when each began and how many there were at most at once."""
    began: list[float] = []
    now, most = 0, 0

    async def one() -> None:
        nonlocal now, most
        async with pace.turn():
            began.append(asyncio.get_running_loop().time())
            now += 1
            most = max(most, now)
            await asyncio.sleep(seconds)
            now -= 1
            pace.note(PollOutcome.ANSWERED)

    await asyncio.gather(*(one() for _ in range(count)))
    return began, most


async def test_turns_are_no_more_than_so_many_a_minute() -> None:
    """Turns are spaced evenly, so that no minute has more than it may."""
    began, _ = await take(Pace(3000, 8, 5), 40)
    gaps = [later - earlier for earlier, later in itertools.pairwise(began)]
    assert min(gaps) >= 60 / 3000 * 0.99


async def test_turns_are_no_more_than_so_many_at_once() -> None:
    """At most `concurrency` requests wait for a provider, however slow it is."""
    _, most = await take(Pace(60_000, 3, 5), 12, seconds=0.05)
    assert most == 3


async def test_what_is_in_trouble_is_probed_by_one() -> None:
    """After a failure one request goes out when the pause is over, and the others wait for its outcome."""
    pace = Pace(60_000, 8, 5)
    async with pace.turn():
        pace.note(PollOutcome.FAILED)
    turns = [asyncio.create_task(pace.turn().__aenter__()) for _ in range(4)]
    await asyncio.wait(turns, timeout=2.0, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.sleep(0.3)
    assert sum(turn.done() for turn in turns) == 1
    pace.note(PollOutcome.ANSWERED)
    await asyncio.wait(turns, timeout=3.0)
    assert all(turn.done() for turn in turns)


async def test_pauses_grow_and_end() -> None:
    """Each failure in a row makes the pause longer, to a bound, with some chance in it; an answer ends them."""
    pace = Pace(60, 1, 5)
    pauses = [pace.note(PollOutcome.UNREACHABLE) for _ in range(12)]
    for number, seconds in enumerate(pauses):
        longest = min(2.0**number, 300.0)
        assert longest / 2 <= seconds <= longest
    assert len(set(pauses)) == len(pauses)
    pace.note(PollOutcome.ANSWERED)
    assert pace.note(PollOutcome.FAILED) <= 1


@pytest.mark.parametrize(("outcome", "least"), [(PollOutcome.DENIED, DENIED_SECONDS), (PollOutcome.RATE_LIMITED, 0.5)])
async def test_a_denied_account_is_left_alone(outcome: PollOutcome, least: float) -> None:
    """A provider that turns the account down is not asked again for a quarter of an hour."""
    assert Pace(60, 1, 5).note(outcome) >= least


async def test_retry_after_is_heeded_within_reason() -> None:
    """`Retry-After` is heeded, up to an hour."""
    assert Pace(60, 1, 5).note(PollOutcome.RATE_LIMITED, 120) == 120
    assert Pace(60, 1, 5).note(PollOutcome.RATE_LIMITED, 10**9) == 3600
