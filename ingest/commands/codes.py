"""`dlrhub codes`: the meaning of the providers' codes, and the received codes that are in no table."""

import csv
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from operator import attrgetter
from typing import Any, Final

import msgspec
from rich.table import Table

from ingest.commands.output import console
from ingest.commands.store import any_store
from ingest.commands.usage import UsageError
from ingest.connections.clickhouse import StoreClient
from ingest.settings.accounts import EffectiveAccount, effective_accounts
from ingest.settings.settings import Settings
from normalizers import PROVIDERS
from normalizers.code_rows import ERROR_KIND, CodeRow, all_code_rows, missing_codes
from normalizers.model import Account
from normalizers.provider import Provider

FORMATS: Final = ("table", "csv", "json")
#: Wide enough that no text is folded in a file or a pipe.
_FILE_WIDTH: Final = 400

_UNMAPPED: Final = """
SELECT provider, account, provider_status, provider_code, any(provider_text) AS provider_text, count() AS reports,
    toString(max(received_at)) AS last_received_at
FROM reports
WHERE unmapped
GROUP BY provider, account, provider_status, provider_code
ORDER BY provider, account, reports DESC, provider_status, provider_code
LIMIT 10000
"""


def print_codes(settings: Settings, names: Sequence[str], output_format: str) -> None:
    """Print the codes of the named providers, or of all if none is named; raises `UsageError`."""
    _check(names, output_format)
    accounts = ((each.provider.name, each.reading) for each in effective_accounts(settings))
    rows = all_code_rows({name: PROVIDERS[name] for name in names or PROVIDERS}, accounts)
    if output_format != "table":
        _print_rows([msgspec.to_builtins(row) for row in rows], output_format)
        return
    output = console(_FILE_WIDTH)
    for name, rows_of_provider in groupby(rows, key=attrgetter("provider")):
        for title, table in _tables(name, rows_of_provider):
            output.print(title, style="bold", soft_wrap=True, highlight=False)
            output.print(table)
        output.print(_identity(PROVIDERS[name]), soft_wrap=True, highlight=False)


async def print_unmapped(settings: Settings, names: Sequence[str], output_format: str) -> None:
    """Print the codes of stored reports that are in no table, and the settings that add them; raises `UsageError`."""
    _check(names, output_format)
    async with any_store(settings) as store:
        found = await unmapped_codes(store, effective_accounts(settings))
    rows = [row for row in found if not names or row["provider"] in names]
    if output_format != "table":
        _print_rows(rows, output_format)
    elif rows:
        console(_FILE_WIDTH).print(_table(rows))
        print("\n".join(lines_to_add(rows)))
    else:
        print("every received code is in a table", file=sys.stderr)


async def unmapped_codes(store: StoreClient, accounts: Iterable[EffectiveAccount]) -> list[dict[str, Any]]:
    """Return the codes of stored reports that are in no table now, each once, with their reports and last receipt."""
    readings = {each.key: each.reading for each in accounts}
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in await store.rows(_UNMAPPED):
        provider = PROVIDERS.get(row["provider"])
        if provider is None:
            continue
        account = readings.get((provider.name, row["account"]), Account(name=row["account"]))
        for kind, code in missing_codes(provider, account, row["provider_status"], row["provider_code"]):
            labels = {"provider": provider.name, "account": account.name, "kind": kind, "code": code}
            counts = {name: row[name] for name in ("provider_text", "reports", "last_received_at")}
            found.setdefault(tuple(labels.values()), {**labels, **counts})
    return list(found.values())


def _check(names: Iterable[str], output_format: str) -> None:
    for name in names:
        if name not in PROVIDERS:
            raise UsageError(f"{name}: no such provider; there are {', '.join(PROVIDERS)}")
    if output_format not in FORMATS:
        raise UsageError(f"--format must be one of {', '.join(FORMATS)}")


def lines_to_add(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield lines of the settings file that add the codes; the operator fills in what they mean."""
    yield "\n# Ask the provider what these codes mean, then add them to the settings (see deploy/docs/settings.md)."
    codes: dict[str, dict[str, str]] = {}
    for row in rows:
        is_error = row["kind"] == ERROR_KIND
        key = json.dumps(f"error:{row['code']}" if is_error else row["code"], ensure_ascii=False)
        codes.setdefault(row["provider"], {})[key] = '{ reason = "unknown" }' if is_error else '{ status = "unknown" }'
    for provider, meanings in codes.items():
        yield f"[providers.{provider}.codes]"
        yield from (f"{key} = {meaning}" for key, meaning in meanings.items())


def _print_rows(rows: Sequence[Mapping[str, Any]], output_format: str) -> None:
    if output_format == "json":
        print(msgspec.json.format(msgspec.json.encode(rows)).decode())
    elif rows:
        writer = csv.DictWriter(sys.stdout, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _tables(provider: str, rows: Iterable[CodeRow]) -> Iterator[tuple[str, Table]]:
    """Yield a title and a table for each source of codes: a document, or the settings of an account."""
    for (account, kind, document), some in groupby(rows, key=attrgetter("account", "kind", "document")):
        whose = f"{provider}/{account}" if account else provider
        shown = [
            {
                "code": row.code,
                "status": row.status,
                "reason": row.reason,
                "sending again": row.persistence,
                "meaning": row.meaning if row.english == row.meaning else f"{row.meaning}\n{row.english}",
            }
            for row in some
        ]
        yield f"\n{whose}: {'error codes' if kind == ERROR_KIND else 'codes'} of {document}", _table(shown)


def _table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Return a table of the columns that hold something; text that is too long for its column is wrapped."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    columns = [column for column in rows[0] if any(row[column] not in {"", None} for row in rows)]
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(str(row[column]) for column in columns))
    return table


def _identity(provider: Provider) -> str:
    """Return a provider's rule of identity in words."""
    rule = asdict(provider.identity)
    inbound = f"; of an inbound message: {', '.join(rule['inbound'])}" if rule["inbound"] else ""
    return (
        f"\nevent_id, rule {provider.parser.identity}: {', '.join(rule['words'])}{inbound}.\n"
        f"Because {rule['because']} ({rule['document']}).\n"
    )
