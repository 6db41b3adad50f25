"""
Judges an account over the chosen range, as the alert rules judge it over the last minutes or hours.

The thresholds and minimum volumes are those of deploy/prometheus/rules/providers.yml. The minimum volumes do not grow
with the range: an account that is marked over the last hour is marked over the last week, too.
"""

from dataclasses import dataclass
from enum import StrEnum
from statistics import median
from typing import Final, NamedTuple


class Threshold(NamedTuple):
    """The threshold of an alert: a share, the least number to judge by, and the factor over the past share."""

    share: float
    least: int
    factor: float = 1.0


#: DlrFailuresSurge and DlrFailuresRaised: more than this share of at least so many final reports fail.
SURGE: Final = Threshold(0.3, 50, 2.0)
RAISED: Final = Threshold(0.1, 200, 1.5)
#: DlrProviderSilent: less than this share of the usual number of reports, if at least so many are usual.
SILENT: Final = Threshold(0.05, 30)
#: DlrDeadLetters: more than this share of the callbacks and items, and at least so many, are dead letters.
DEAD_LETTERS: Final = Threshold(0.01, 10)
#: DlrUnmappedCodes: at least so many reports.
LEAST_UNMAPPED: Final = 10
#: An account with fewer final reports in the past week is judged by share and number alone.
LEAST_PAST: Final = 200

_DAY_SECONDS: Final = 86_400


class Level(StrEnum):
    """The judgement on an account, the worst first."""

    FAILING = "failing"
    RAISED = "raised"
    SILENT = "silent"
    UNREADABLE = "unreadable"
    UNMAPPED = "unmapped"
    #: Many messages fail, but no more than usual.
    USUAL = "usual"
    #: Many messages fail, but there are too few reports to judge by.
    FEW = "few"
    OK = "ok"
    QUIET = "quiet"


WORST_FIRST: Final = tuple(Level)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """
    Numbers of an account's reports over the range and before.

    `newest_...` are those of the last 15 minutes. `usual_reports` is the usual number for a range like this one.
    """

    reports: int = 0
    finals: int = 0
    failures: int = 0
    newest_finals: int = 0
    newest_failures: int = 0
    unmapped: int = 0
    dead_letters: int = 0
    parser_errors: int = 0
    past_finals: int = 0
    past_failures: int = 0
    usual_reports: float = 0.0

    @property
    def share(self) -> float:
        """The share of failures in the final reports."""
        return self.failures / self.finals if self.finals else 0.0

    @property
    def surges(self) -> bool:
        """Whether the last 15 minutes alone are a surge, as the alert would see it."""
        return _exceeds(self.newest_failures, self.newest_finals, self.past_share, SURGE)

    @property
    def past_share(self) -> float | None:
        """The share of failures in the past week; None if there were too few reports."""
        return self.past_failures / self.past_finals if self.past_finals >= LEAST_PAST else None


def usual(days_before: list[int], seconds: int, period_before: int) -> float:
    """
    Return how many reports are usual: the median of the same hours one, two, three and seven days before.

    It is 0 if there was next to nothing seven days before. For more than a day, it is the number of the period before.
    """
    if seconds > _DAY_SECONDS:
        return period_before
    return median(days_before) if days_before[-1] >= SILENT.least else 0.0


def judge(counts: Counts) -> list[Level]:
    """Return the levels of an account, the worst first; there is at least one."""
    silent = counts.usual_reports >= SILENT.least and counts.reports < SILENT.share * counts.usual_reports
    found = [_failures(counts)]
    found += [Level.SILENT] if silent else []
    found += [Level.UNREADABLE] if _unreadable(counts) else []
    found += [Level.UNMAPPED] if counts.unmapped >= LEAST_UNMAPPED else []
    return sorted(found, key=WORST_FIRST.index)


def _failures(counts: Counts) -> Level:
    if not counts.reports:
        return Level.QUIET
    if counts.surges or _exceeds(counts.failures, counts.finals, counts.past_share, SURGE):
        return Level.FAILING
    if _exceeds(counts.failures, counts.finals, counts.past_share, RAISED):
        return Level.RAISED
    if counts.share <= RAISED.share:
        return Level.OK
    return Level.USUAL if counts.finals >= RAISED.least else Level.FEW


def _exceeds(failures: int, finals: int, past_share: float | None, threshold: Threshold) -> bool:
    share = failures / finals if finals else 0.0
    is_usual = past_share is not None and share <= threshold.factor * past_share
    return share > threshold.share and finals >= threshold.least and not is_usual


def _unreadable(counts: Counts) -> bool:
    letters = counts.dead_letters - counts.parser_errors
    many = letters >= DEAD_LETTERS.least
    return counts.parser_errors > 0 or (many and letters > DEAD_LETTERS.share * (letters + counts.reports))
