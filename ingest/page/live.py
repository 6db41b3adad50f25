"""The program's state that needs no query to the store: its parts, how much waits, and when each account called last."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ingest.admin.server import Check
from ingest.metrics import catalogue
from ingest.metrics.series import Series, Totals

_PATIENCE_SECONDS: Final = 1.0

#: A metric's samples, by the values of their labels.
_Samples = Mapping[tuple[str, ...], float]


@dataclass(frozen=True, slots=True)
class Live:
    """`stream_lag` and `spill` are None if no part tells of them; times are seconds since 1970."""

    parts: Mapping[str, str]
    stream_lag: float | None
    spill: float | None
    spill_oldest_seconds: float | None
    troubles: list[dict[str, Any]]
    callbacks: list[dict[str, Any]]
    last_callbacks: Mapping[tuple[str, str], float]


async def read_live(checks: Mapping[str, Check], totals: Totals, patience_seconds: float = _PATIENCE_SECONDS) -> Live:
    """Ask every part how it is, each for `patience_seconds` at most, and add up what the processes count."""
    faults = await asyncio.gather(*(_ask(check, patience_seconds) for check in checks.values()))
    found = {family.name: family for family in totals.collect() if family.name in _WANTED}

    def samples(metric: Any) -> _Samples:
        return {
            tuple(sample.labels[label] for label in metric.labels): sample.value
            for sample in found[metric.name].samples
        }

    return Live(
        parts=dict(zip(checks, faults, strict=True)),
        stream_lag=samples(catalogue.STREAM_LAG).get(()),
        spill=samples(catalogue.SPILL_RECORDS).get(()),
        spill_oldest_seconds=samples(catalogue.SPILL_OLDEST).get(()),
        troubles=[
            {"what": what, "count": count}
            for metric, what in _TROUBLES.items()
            if (count := sum(samples(metric).values()))
        ],
        callbacks=[
            {"provider": provider, "outcome": outcome, "callbacks": count}
            for (provider, outcome), count in samples(catalogue.CALLBACKS).items()
            if count
        ],
        last_callbacks={(provider, account): at for (provider, account), at in samples(catalogue.LAST_REPORT).items()},
    )


async def _ask(check: Check, seconds: float) -> str:
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

_WANTED: Final = {
    metric.name
    for metric in (
        catalogue.STREAM_LAG,
        catalogue.SPILL_RECORDS,
        catalogue.SPILL_OLDEST,
        catalogue.CALLBACKS,
        catalogue.LAST_REPORT,
        *_TROUBLES,
    )
}
