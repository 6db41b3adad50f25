"""Planned traffic for tests, written as a request and read as the receiver would read it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from ingest.simulation.dialects import DIALECTS
from ingest.simulation.plan import PlannedCallback, PlannedRequest
from ingest.simulation.traffic import Mix, Schedule, Traffic
from normalizers import PROVIDERS
from normalizers.model import Account, Callback, Item

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
RUN = "abcdef"


def plan(
    *providers: str, callbacks: int = 2000, seed: int = 1, seconds_between: float = 0.0, **mix: Any
) -> list[PlannedCallback]:
    """Plan callbacks of these providers (of all, where none is named)."""
    dialects = [DIALECTS[name] for name in providers or DIALECTS]
    schedule = Schedule(run=RUN, started_at=NOON, callbacks=callbacks, seconds_between=seconds_between)
    return list(Traffic(dialects, Mix(**mix), schedule, seed))


def written(callback: PlannedCallback, account: Account | None = None) -> PlannedRequest:
    """Write a callback, spoiled where it is to be."""
    request = DIALECTS[callback.provider].request(callback, account or Account())
    if callback.spoil is None:
        return request
    return callback.spoil.make(request, callback.reports[0].message_id)


def read(callback: PlannedCallback, account: Account | None = None) -> Sequence[Item]:
    """Read a callback as the receiver would."""
    account = account or Account()
    request = written(callback, account)
    return PROVIDERS[callback.provider].parse(
        Callback(
            account=account,
            method=request.method,
            query=request.query.encode(),
            headers={"content-type": request.content_type},
            body=request.body,
            received_at=NOON,
        )
    )
