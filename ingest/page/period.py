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
        """The length of the range."""
        return RANGES[self.name]

    @property
    def since(self) -> int:
        """The beginning of the range."""
        return self.until - 1000 * self.seconds

    @property
    def parameters(self) -> dict[str, int]:
        """
        The parameters of the queries: this range, the range before it, the newest 15 minutes, and the past.

        The past is a week that ended two hours ago, as in the alert rules, or at the beginning of this range. If this
        range is a day or less, the same hours of the days before are read, too (from `oldest` to `youngest`).
        """
        length = self.until - self.since
        past_end = min(self.since, self.until - _PAST_ENDED_MS)
        past = past_end - _WEEK_MS
        by_days = length <= _DAY_MS
        return {
            "since": self.since,
            "until": self.until,
            "before": self.since - length,
            "newest": self.until - _NEWEST_MS,
            "trend_step": length // TREND_STEPS,
            "plot_step": length // PLOT_STEPS,
            "past": past,
            "past_end": past_end,
            "oldest": min(past, self.since - _WEEK_MS) if by_days else past,
            "youngest": max(past_end, self.until - _DAY_MS) if by_days else past_end,
        }
