"""At which ages a message is asked about."""

import itertools
import random

import pytest

from ingest.polling.ages import ages, windows
from sinks.clickhouse.pending import Window

AGES = (120.0, 300.0, 900.0, 3600.0)
NOW = 1_800_000_000.0


def hits(window: Window, received_at: float) -> bool:
    """Tell whether a submission received then is in a window."""
    return window.start < received_at * 1_000_000 <= window.end


def test_ages_grow_until_the_last() -> None:
    """A message is asked about ever more rarely, and last when it ages out."""
    assert ages(120, 2.5, 3600) == (120, 300, 750, 1875, 3600)
    assert ages(120, 2.5, 72 * 3600)[-2:] == (183105.46875, 259200)
    assert len(ages(120, 2.5, 72 * 3600)) == 10


@pytest.mark.parametrize("first", [0.0, 0.5, 100.0])
def test_any_first_age_will_do(first: float) -> None:
    """A first age of 0, or one beyond the last, gives a finite list of ages."""
    found = ages(first, 1.2, 60)
    assert found[0] == min(first, 60)
    assert found[-1] == 60
    assert list(found) == sorted(set(found))


def test_a_message_is_asked_about_once_at_every_age() -> None:
    """However the ticks fall, a message is in one window for each age that it reaches."""
    rng = random.Random(3)  # noqa: S311 - times, not secrets
    ticks = [NOW]
    while ticks[-1] < NOW + 5000:
        ticks.append(ticks[-1] + rng.uniform(5, 60))  # shorter than the ages are apart
    for received_at in [NOW + 1, *(rng.uniform(NOW, NOW + 1000) for _ in range(200))]:
        asked = sum(
            hits(window, received_at)
            for after, until in itertools.pairwise(ticks)
            for window in windows(after, until, AGES)
        )
        assert asked == len(AGES)


def test_a_message_comes_up_once_in_a_tick() -> None:
    """After a long break a message that has reached several ages is asked about once."""
    for received_at in range(int(NOW) - 20_000, int(NOW), 37):
        asked = [hits(window, received_at) for window in windows(NOW - 10_000, NOW, AGES)]
        reached = any(NOW - 10_000 < received_at + age <= NOW for age in AGES)
        assert sum(asked) == reached


def test_what_reaches_the_first_age_is_asked_about_whatever_its_deadline() -> None:
    """A submission that arrived late is asked about once; any other while its deadline has not passed."""
    first, *later = windows(NOW - 10, NOW, AGES)
    assert first.expiring_after == 0
    assert {window.expiring_after for window in later} == {int(NOW * 1_000_000)}


def test_a_clock_that_stands_still_asks_nobody() -> None:
    """A tick of no length has an empty window only."""
    assert [window for window in windows(NOW, NOW, AGES) if window.end > window.start] == []
