"""The output of a simulation: two tables and a verdict, or the same as JSON."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import IntEnum

import orjson
from rich.console import Console
from rich.table import Table

from ingest.simulation.compare import Tally
from ingest.simulation.send import Sent

#: Provider, table, and how the comparison went.
Finding = tuple[str, str, Tally]


class Exit(IntEnum):
    """How a run ends."""

    STORED_ONCE = 0
    DIFFERENT = 1
    UNREACHABLE = 2


@dataclass(slots=True)
class SimulationResult:
    """
    How a run went.

    `submitted` counts the submissions that were accepted, None if none were to be posted. `words` are the verdict.
    """

    status: Exit
    sent: Mapping[str, Sent]
    days: float = 0.0
    submitted: int | None = None
    findings: Sequence[Finding] = ()
    words: list[str] = field(default_factory=list)


def print_result(result: SimulationResult, console: Console) -> None:
    """Print tables and verdict for a person."""
    if any(went.callbacks for went in result.sent.values()):
        console.print(_callbacks_table(result.sent))
        console.print()
    if result.findings:
        console.print(_store_table(result.findings))
        console.print()
    for line in (*_remarks(result), *result.words):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def json_of(result: SimulationResult) -> bytes:
    """Return the same as JSON."""
    callbacks = [
        {
            "provider": provider,
            **_counts(went),
            "p50_ms": _milliseconds(went.seconds, 0.5),
            "p99_ms": _milliseconds(went.seconds, 0.99),
        }
        for provider, went in result.sent.items()
    ]
    store = [{"provider": provider, "table": name, **asdict(tally)} for provider, name, tally in result.findings]
    said = {"status": int(result.status), "words": result.words, "submitted": result.submitted}
    return orjson.dumps({**said, "callbacks": callbacks, "store": store}, option=orjson.OPT_INDENT_2)


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
            f"submissions and the providers' times are spread over the last {result.days:g} days; dlrhub received all of it "
            "now, so that what is counted by the time of receipt is of the last minutes"
        )


def _callbacks_table(sent: Mapping[str, Sent]) -> Table:
    """Return how the callbacks were answered; latencies are those of the acknowledgement."""
    table = _table("callbacks", ["provider"], [*_counts(Sent()), "p50 ms", "p99 ms"])
    for provider, went in sent.items():
        latencies = (_milliseconds(went.seconds, 0.5), _milliseconds(went.seconds, 0.99))
        shown = ["-" if latency is None else f"{latency:.1f}" for latency in latencies]
        table.add_row(provider, *map(str, _counts(went).values()), *shown)
    return table


def _counts(went: Sent) -> dict[str, int]:
    return {
        "sent": went.callbacks,
        "acknowledged": went.acknowledged,
        "malformed": went.malformed,
        "unexpected": went.unexpected.total(),
        "retries": went.retries,
    }


def _store_table(findings: Iterable[Finding]) -> Table:
    """Return how the store compares with what was acknowledged."""
    table = _table("store", ["provider", "table"], ["acknowledged", "stored", "lost", "doubled", "wrong", "never sent"])
    for provider, name, tally in findings:
        counts = (tally.expected, tally.stored, tally.lost, tally.doubled, tally.wrong, tally.foreign)
        table.add_row(provider, name, *map(str, counts))
    return table


def _table(title: str, names: Iterable[str], figures: Iterable[str]) -> Table:
    """Return a table that fits 80 columns; in fewer, its cells go on in the next line instead of being cut."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for name in names:
        table.add_column(name, overflow="fold")
    for name in figures:
        table.add_column(name, justify="right", overflow="fold")
    return table


def _difference(provider: str, name: str, tally: Tally) -> str:
    counts = {"lost": tally.lost, "doubled": tally.doubled, "wrong": tally.wrong, "never sent": tally.foreign}
    found = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    such_as = f", such as {', '.join(tally.examples)}" if tally.examples else ""
    return f"{provider} {name}: {found}{such_as}"


def _milliseconds(seconds: Sequence[float], share: float) -> float | None:
    """Return a percentile of durations."""
    return round(1000 * sorted(seconds)[int(share * (len(seconds) - 1))], 1) if seconds else None
