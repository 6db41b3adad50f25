"""Prints the result of a simulation: two tables and a verdict, or the same as JSON."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from ingest.simulation.compare import Tally
from ingest.simulation.send import Sent

#: Provider, table, and the result of the comparison.
Finding = tuple[str, str, Tally]


class Exit(IntEnum):
    """The exit status of a run."""

    STORED_ONCE = 0
    DIFFERENT = 1
    UNREACHABLE = 2


@dataclass(slots=True)
class SimulationResult:
    """
    The result of a run.

    `submitted` counts the submissions that were accepted, None if none were to be posted. `words` are the verdict.
    """

    status: Exit
    sent: Mapping[str, Sent]
    days: float = 0.0
    submitted: int | None = None
    findings: Sequence[Finding] = ()
    words: list[str] = field(default_factory=list)


def print_result(result: SimulationResult, console: Console) -> None:
    """Print the tables and the verdict as text."""
    callbacks = _callbacks(result.sent) if any(went.callbacks for went in result.sent.values()) else []
    for title, names, rows in (("callbacks", 1, callbacks), ("store", 2, _store(result.findings))):
        if rows:
            console.print(_table(title, names, rows))
            console.print()
    for line in (*_remarks(result), *result.words):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def json_of(result: SimulationResult) -> bytes:
    """Return the same as JSON."""
    store = [
        {**row, "examples": tally.examples}
        for row, (*_, tally) in zip(_store(result.findings), result.findings, strict=True)
    ]
    said = {"status": int(result.status), "words": result.words, "submitted": result.submitted}
    return orjson.dumps({**said, "callbacks": _callbacks(result.sent), "store": store}, option=orjson.OPT_INDENT_2)


def differences(result: SimulationResult) -> list[str]:
    """Return every difference in words."""
    unexpected = [
        f"{provider}: {count} callbacks were answered {status}, such as: {went.answers[status]}"
        for provider, went in result.sent.items()
        for status, count in went.unexpected.items()
    ]
    return unexpected + [_difference(*finding) for finding in result.findings if finding[2].differences]


def _remarks(result: SimulationResult) -> Iterable[str]:
    if result.submitted is not None:
        yield f"dlrhub was told of {result.submitted} submissions"
    if result.days:
        yield (
            f"submissions and the providers' times are spread over the last {result.days:g} days; dlrhub received "
            "everything now, so counts by the time of receipt are those of the last minutes"
        )


def _callbacks(sent: Mapping[str, Sent]) -> list[dict[str, Any]]:
    """Return a row for each provider with the counts of its callbacks, and percentiles of the answers' latency."""
    return [
        {
            "provider": provider,
            "sent": went.callbacks,
            "acknowledged": went.acknowledged,
            "malformed": went.malformed,
            "unexpected": went.unexpected.total(),
            "retries": went.retries,
            "p50_ms": _milliseconds(went.seconds, 0.5),
            "p99_ms": _milliseconds(went.seconds, 0.99),
        }
        for provider, went in sent.items()
    ]


def _store(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Return a row for each comparison of a table."""
    return [{"provider": provider, "table": name, **tally.counts} for provider, name, tally in findings]


def _table(title: str, names: int, rows: Sequence[Mapping[str, Any]]) -> Table:
    """Return a table, of which the first `names` columns are aligned left; long cells are wrapped."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for index, column in enumerate(rows[0]):
        table.add_column(column.replace("_", " "), justify="left" if index < names else "right", overflow="fold")
    for row in rows:
        table.add_row(*("-" if cell is None else str(cell) for cell in row.values()))
    return table


def _difference(provider: str, name: str, tally: Tally) -> str:
    found = ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in tally.differences.items())
    such_as = f", such as {', '.join(tally.examples)}" if tally.examples else ""
    return f"{provider} {name}: {found}{such_as}"


def _milliseconds(seconds: Sequence[float], share: float) -> float | None:
    """Return a percentile of durations."""
    return round(1000 * sorted(seconds)[int(share * (len(seconds) - 1))], 1) if seconds else None
