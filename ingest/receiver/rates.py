"""How often an account may post, and how often a stranger may be refused: token buckets."""

from collections import OrderedDict
from typing import Final

_MOST_CLIENTS: Final = 10_000


class TokenBucket:
    """Lets `rate` events a second through, and `burst` of them at once."""

    __slots__ = ("_at", "_burst", "_rate", "_tokens")

    def __init__(self, rate: float, burst: float) -> None:
        """Begin full."""
        self._rate = rate
        self._burst = max(burst, 1.0)
        self._tokens = self._burst
        self._at = 0.0

    def take(self, now: float) -> bool:
        """Take a token at this time (seconds of a clock that never goes back); tell whether there was one."""
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class ClientRates:
    """A bucket for each client address, of which the latest ten thousand are remembered."""

    def __init__(self, rate: float, burst: float) -> None:
        """Give each client `rate` and `burst`."""
        self._rate = rate
        self._burst = burst
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def take(self, client: str, now: float) -> bool:
        """Take one of a client's tokens; tell whether there was one."""
        bucket = self._buckets.pop(client, None) or TokenBucket(self._rate, self._burst)
        self._buckets[client] = bucket
        if len(self._buckets) > _MOST_CLIENTS:
            self._buckets.popitem(last=False)
        return bucket.take(now)
