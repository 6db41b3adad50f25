"""Many open pages ask the store no more than one does."""

import asyncio
from collections.abc import Iterator

import pytest

from ingest.page.cache import Answers


@pytest.fixture
def numbers() -> Iterator[int]:
    """Count the questions."""
    return iter(range(100))


async def test_one_question_answers_all_who_ask_at_once(numbers: Iterator[int]) -> None:
    """Callers that ask while an answer is being made, or shortly afterwards, share it."""
    answers = Answers()

    async def make() -> int:
        await asyncio.sleep(0.01)
        return next(numbers)

    assert await asyncio.gather(*(answers.get("a", make) for _ in range(20))) == [0] * 20
    assert await answers.get("a", make) == 0
    assert await answers.get("b", make) == 1
    await answers.close()


async def test_an_answer_is_kept_ten_times_as_long_as_it_took(numbers: Iterator[int]) -> None:
    """An answer is kept ten times as long as it took to make, and at least for its least time."""
    answers = Answers()

    async def cheap() -> int:
        return next(numbers)

    async def costly() -> int:
        await asyncio.sleep(0.05)
        return next(numbers)

    assert await answers.get("cheap", cheap, least_seconds=0.02) == 0
    assert await answers.get("costly", costly, least_seconds=0.02) == 1
    await asyncio.sleep(0.1)
    assert await answers.get("cheap", cheap, least_seconds=0.02) == 2
    assert await answers.get("costly", costly, least_seconds=0.02) == 1
    await answers.close()


async def test_a_failure_is_an_answer_too(numbers: Iterator[int]) -> None:
    """A failure is cached, too; a caller that hangs up does not cancel the answer for the others."""
    answers = Answers()

    async def fail() -> int:
        await asyncio.sleep(0.02)
        next(numbers)
        raise OSError("away")

    gone = asyncio.create_task(answers.get("a", fail))
    await asyncio.sleep(0)
    gone.cancel()
    for _ in range(3):
        with pytest.raises(OSError, match="away"):
            await answers.get("a", fail)
    assert next(numbers) == 1
    await answers.close()


async def test_a_failure_is_forgotten_sooner_than_an_answer(numbers: Iterator[int]) -> None:
    """A store that failed slowly is asked again after as long as it took, so that the page sees it come back."""
    answers = Answers()

    async def fail() -> int:
        await asyncio.sleep(0.05)
        if next(numbers) == 0:
            raise OSError("away")
        return 1

    with pytest.raises(OSError, match="away"):
        await answers.get("a", fail, least_seconds=0.02)
    await asyncio.sleep(0.1)
    assert await answers.get("a", fail, least_seconds=0.02) == 1
    await answers.close()
