"""Growing pauses between attempts."""

import random


class Backoff:
    """
    Pauses that double from `first` to `longest` seconds.

    Each is shortened at random by up to a half, so that processes that failed together try again at different moments.
    """

    def __init__(self, first: float, longest: float) -> None:
        """Begin with the shortest pause."""
        self._first = first
        self._longest = longest
        self._next = first

    def pause(self) -> float:
        """Return how many seconds to wait now; the next pause is twice as long."""
        seconds, self._next = self._next, min(2 * self._next, self._longest)
        return seconds * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret

    def reset(self) -> None:
        """Begin again with the shortest pause, after a success."""
        self._next = self._first
