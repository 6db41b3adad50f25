"""Computes the ages at which a message is asked about, and which submissions reach one of them between two ticks."""

from collections.abc import Sequence
from typing import Final

from sinks.clickhouse.pending import Window

_MICROSECONDS: Final = 1_000_000


def ages(first_seconds: float, growth: float, last_seconds: float) -> tuple[float, ...]:
    """Return the ages in seconds, from the first to the last, each `growth` times the one before."""
    found = []
    age = min(first_seconds, last_seconds)
    while age < last_seconds:
        found.append(age)
        age = max(age, 1.0) * growth
    return (*found, last_seconds)


def windows(after: float, until: float, at_ages: Sequence[float]) -> list[Window]:
    """
    Return windows of the submissions that reach one of the ages between two times in seconds since 1970.

    The windows do not overlap. Submissions at the first age are asked about in any case, older ones only before their
    deadline.
    """
    first, *later = (Window(start=_micros(after - age), end=_micros(until - age)) for age in at_ages)
    found, newest_start = [first], first.start
    for window in later:
        end = min(window.end, newest_start)
        if end > window.start:
            found.append(Window(start=window.start, end=end, expiring_after=_micros(until)))
            newest_start = window.start
    return found


def _micros(seconds: float) -> int:
    return max(0, round(seconds * _MICROSECONDS))
