"""What a simulation tells: two tables and a verdict."""

from collections.abc import Iterable, Mapping, Sequence

from rich import box
from rich.table import Table

from ingest.simulation.compare import Tally
from ingest.simulation.send import Sent

#: Provider, table, and how the comparison went.
Finding = tuple[str, str, Tally]


def callbacks_table(sent: Mapping[str, Sent]) -> Table:
    """Return how the callbacks were answered; latencies are those of the acknowledgement, in milliseconds."""
    table = Table(title="callbacks", title_justify="left", box=box.SIMPLE)
    table.add_column("provider")
    for column in ("sent", "acknowledged", "malformed", "unexpected", "retries", "p50 ms", "p99 ms"):
        table.add_column(column, justify="right")
    for provider, went in sent.items():
        counts = (went.callbacks, went.acknowledged, went.malformed, went.unexpected.total(), went.retries)
        seconds = sorted(went.seconds)
        table.add_row(provider, *map(str, counts), _milliseconds(seconds, 0.5), _milliseconds(seconds, 0.99))
    return table


def store_table(findings: Iterable[Finding]) -> Table:
    """Return how the store compares with what was acknowledged."""
    table = Table(title="store", title_justify="left", box=box.SIMPLE)
    table.add_column("provider")
    table.add_column("table")
    for column in ("acknowledged, distinct", "stored", "lost", "doubled", "wrong", "never sent"):
        table.add_column(column, justify="right")
    for provider, name, tally in findings:
        counts = (tally.expected, tally.stored, tally.lost, tally.doubled, tally.wrong, tally.foreign)
        table.add_row(provider, name, *map(str, counts))
    return table


def differences(sent: Mapping[str, Sent], findings: Iterable[Finding]) -> list[str]:
    """Return what is not as it should be, in words."""
    unexpected = [
        f"{provider}: {count} callbacks were answered {status}, such as: {went.answers[status]}"
        for provider, went in sent.items()
        for status, count in went.unexpected.items()
    ]
    return unexpected + [_difference(*finding) for finding in findings if finding[2].differences]


def _difference(provider: str, name: str, tally: Tally) -> str:
    counts = {"lost": tally.lost, "doubled": tally.doubled, "wrong": tally.wrong, "never sent": tally.foreign}
    found = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    such_as = f", such as {', '.join(tally.examples)}" if tally.examples else ""
    return f"{provider} {name}: {found}{such_as}"


def _milliseconds(seconds: Sequence[float], share: float) -> str:
    """Return a percentile of sorted durations."""
    return f"{1000 * seconds[int(share * (len(seconds) - 1))]:.1f}" if seconds else "-"
