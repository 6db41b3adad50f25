"""The pauses between attempts."""

from sinks.backoff import Backoff


def test_pauses_double_up_to_the_longest() -> None:
    """The upper limit of a pause doubles up to the longest; each is at least half of its limit."""
    backoff = Backoff(1.0, 5.0)
    for most in (1.0, 2.0, 4.0, 5.0, 5.0):
        assert most / 2 <= backoff.pause() <= most


def test_a_success_resets_the_pause() -> None:
    """After a success the next pause is the shortest again."""
    backoff = Backoff(1.0, 60.0)
    for _ in range(5):
        backoff.pause()
    backoff.reset()
    assert backoff.pause() <= 1.0


def test_pauses_are_random() -> None:
    """Processes that failed at the same time try again at different times."""
    assert len({Backoff(1.0, 60.0).pause() for _ in range(10)}) > 1
