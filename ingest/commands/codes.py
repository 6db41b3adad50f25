"""`dlrhub codes`: the code tables as the program has them."""

from collections.abc import Iterator

from rich.table import Table

from ingest.settings.errors import InvalidSettingsError
from normalizers import PROVIDERS
from normalizers.model import CodeTable
from normalizers.provider import Provider


def code_tables(names: list[str]) -> Iterator[Table]:
    """Return the tables of the named providers, of all where none is named; raises `InvalidSettingsError`."""
    for name in names or PROVIDERS:
        if name not in PROVIDERS:
            raise InvalidSettingsError(f"{name}: no such provider; there are {', '.join(PROVIDERS)}")
        provider = PROVIDERS[name]
        yield _status_table(provider)
        if provider.reasons is not None:
            yield _reason_table(provider.name, provider.reasons)


def _status_table(provider: Provider) -> Table:
    table = Table(
        "code", "status", "final", "reason", "sending again", "meaning", title=provider.name, title_justify="left"
    )
    for key, code in provider.codes.rows().items():
        reason = code.reason
        final = "yes" if code.status.final else "no"
        table.add_row(key, code.status, final, reason or "", reason.persistence if reason else "", code.meaning)
    return table


def _reason_table(name: str, reasons: CodeTable) -> Table:
    table = Table("error code", "reason", "sending again", "meaning", title=f"{name}: reasons", title_justify="left")
    for key, code in reasons.rows().items():
        table.add_row(key, code.reason or "", code.reason.persistence if code.reason else "", code.meaning)
    return table
