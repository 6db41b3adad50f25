"""The range of time that the page shows."""

import time
from dataclasses import dataclass
from typing import Final, Self

from ingest.page.queries import PLOT_STEPS, RANGES, TREND_STEPS

_DAY_MS: Final = 86_400_000
_WEEK_MS: Final = 7 * _DAY_MS
_PAST_ENDED_MS: Final = 2 * 3_600_000
_NEWEST_MS: Final = 15 * 60_000


@dataclass(frozen=True, slots=True)
class Period:
    """A range up to now; times are milliseconds since 1970."""

    name: str
    until: int

    @classmethod
    def now(cls, name: str) -> Self:
        """Return the range that ends now."""
        return cls(name, int(time.time() * 1000))

    @property
    def seconds(self) -> int:
        """How long it is."""
        return RANGES[self.name]

    @property
    def since(self) -> int:
        """When it began."""
        return self.until - 1000 * self.seconds

    @property
    def bounds(self) -> dict[str, int]:
        """Its two ends, as parameters of the queries."""
        return {"since": self.since, "until": self.until}

    def accounts(self) -> dict[str, int]:
        """Return the parameters of `queries.ACCOUNTS`."""
        before = self.since - 1000 * self.seconds
        newest = self.until - _NEWEST_MS
        return {**self.bounds, "before": before, "newest": newest, "step": 1000 * self.seconds // TREND_STEPS}

    def plot(self) -> dict[str, int]:
        """Return the parameters of `queries.PLOT`."""
        return {**self.bounds, "step": 1000 * self.seconds // PLOT_STEPS}

    def pasts(self) -> dict[str, int]:
        """
        Return what `queries.PASTS` asks for: a week that ended two hours ago, as that of the alerts, or where this
        range begins.

        The same time of earlier days counts where this range is no longer than a day.
        """
        past_end = min(self.since, self.until - _PAST_ENDED_MS)
        past = past_end - _WEEK_MS
        by_days = self.until - self.since <= _DAY_MS
        return {
            **self.bounds,
            "past": past,
            "past_end": past_end,
            "oldest": min(past, self.since - _WEEK_MS) if by_days else past,
            "youngest": max(past_end, self.until - _DAY_MS) if by_days else past_end,
        }
