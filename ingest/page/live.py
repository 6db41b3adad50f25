"""What this program itself knows, whatever the store: its parts, what waits, when who called last."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ingest.admin.server import Check
from ingest.metrics import catalogue
from ingest.metrics.series import Totals

#: A metric's samples, by the values of their labels.
_Samples = Mapping[tuple[str, ...], float]


@dataclass(frozen=True, slots=True)
class Live:
    """`stream_lag` and `spill` are None where no part tells of them; times are seconds since 1970."""

    parts: Mapping[str, str]
    stream_lag: float | None
    spill: float | None
    spill_oldest_seconds: float | None
    callbacks: list[dict[str, Any]]
    last_callbacks: Mapping[tuple[str, str], float]


async def read_live(checks: Mapping[str, Check], totals: Totals) -> Live:
    """Ask every part, and add up what the processes count."""
    faults = await asyncio.gather(*(check() for check in checks.values()))
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
        callbacks=[
            {"provider": provider, "outcome": outcome, "callbacks": count}
            for (provider, outcome), count in samples(catalogue.CALLBACKS).items()
            if count
        ],
        last_callbacks={(provider, account): at for (provider, account), at in samples(catalogue.LAST_REPORT).items()},
    )


_WANTED: Final = {
    metric.name
    for metric in (
        catalogue.STREAM_LAG, catalogue.SPILL_RECORDS, catalogue.SPILL_OLDEST, catalogue.CALLBACKS, catalogue.LAST_REPORT,
    )
}  # fmt: skip
