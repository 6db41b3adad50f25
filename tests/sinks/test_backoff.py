"""How the pauses between tries grow."""

from sinks.backoff import Backoff


def test_pauses_double_up_to_the_longest() -> None:
    """Every pause is up to twice the one before and at least half of that, until the longest is reached."""
    backoff = Backoff(1.0, 5.0)
    for most in (1.0, 2.0, 4.0, 5.0, 5.0):
        assert most / 2 <= backoff.pause() <= most


def test_a_success_begins_again() -> None:
    """After a success the first pause is the shortest again."""
    backoff = Backoff(1.0, 60.0)
    for _ in range(5):
        backoff.pause()
    backoff.reset()
    assert backoff.pause() <= 1.0


def test_processes_do_not_try_together() -> None:
    """Two processes that failed at the same time wait for different times."""
    assert len({Backoff(1.0, 60.0).pause() for _ in range(10)}) > 1
