"""Reads the state of the program that is known without the store: its parts, its lag, each account's last callback."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from ingest.admin.server import Check
from ingest.metrics import catalogue
from ingest.metrics.series import Series, Totals

_PATIENCE_SECONDS: Final = 1.0


class Live(NamedTuple):
    """
    The state as the page shows it, and the time of each account's last callback in seconds since 1970.

    In `shown`, `stream_lag` and `spill` are None if no process measures them.
    """

    shown: dict[str, Any]
    last_callbacks: Mapping[tuple[str, ...], float]


async def read_live(checks: Mapping[str, Check], totals: Totals, patience_seconds: float = _PATIENCE_SECONDS) -> Live:
    """Run every check, each for `patience_seconds` at most, and add up the metrics of the processes."""
    faults = await asyncio.gather(*(_run(check, patience_seconds) for check in checks.values()))
    troubles = [{"what": what, "count": sum(totals.values(metric).values())} for metric, what in _TROUBLES.items()]
    callbacks = [
        {"provider": provider, "outcome": outcome, "callbacks": count}
        for (provider, outcome), count in totals.values(catalogue.CALLBACKS).items()
        if count
    ]
    shown = {
        "parts": [{"name": name, "fault": fault} for name, fault in zip(checks, faults, strict=True)],
        "stream_lag": totals.values(catalogue.STREAM_LAG).get(()),
        "spill": totals.values(catalogue.SPILL_RECORDS).get(()),
        "spill_oldest_seconds": totals.values(catalogue.SPILL_OLDEST).get(()),
        "troubles": [trouble for trouble in troubles if trouble["count"]],
        "callbacks": callbacks,
    }
    return Live(shown, totals.values(catalogue.LAST_REPORT))


async def _run(check: Check, seconds: float) -> str:
    try:
        return await asyncio.wait_for(check(), seconds)
    except TimeoutError:
        return "does not answer"


#: Losses and damage, by the series that counts them; the page names those that are not 0.
_TROUBLES: Final[Mapping[Series, str]] = {
    catalogue.JOURNAL_LOST: "Acknowledged records lost",
    catalogue.JOURNAL_DAMAGED: "Damaged places in journals",
    catalogue.STORE_DAMAGED: "Unreadable parts of the store",
    catalogue.SPILL_REFUSED: "Records refused by Kafka",
    catalogue.STORE_REFUSED: "Rows refused by the store",
}
