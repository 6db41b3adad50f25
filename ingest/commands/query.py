"""`dlrhub query`: prints the store's answer to a query."""

import sys
from pathlib import Path

from ingest.commands.output import clickhouse_format, has_no_rows, is_binary
from ingest.commands.store import any_store
from ingest.commands.usage import UsageError
from ingest.settings.settings import Settings


async def print_answer(settings: Settings, sql: str, format_name: str) -> None:
    """
    Print the answer to one query; if it has no rows, say so on the standard error.

    Raises `UsageError` for a binary format on a terminal, `StoreError` if the store refuses the query or can't be
    reached, and `BusyError` if it can't be opened.
    """
    output_format = clickhouse_format(format_name)
    if is_binary(output_format) and sys.stdout.isatty():
        raise UsageError(f"{format_name} is binary: send it to a file, as in `dlrhub query ... > rows.{format_name}`")
    async with any_store(settings) as store:
        body = await store.query(sql, output_format)
    sys.stdout.buffer.write(body)
    sys.stdout.buffer.flush()
    if has_no_rows(body, output_format):
        sys.stderr.write("no rows\n")


def read_sql(argument: str | None, file: Path | None) -> str | None:
    """Return the SQL of the argument, the file or the standard input; None if it is to be typed."""
    if argument is not None and file is not None:
        raise UsageError("give the SQL as an argument or with --file, not both")
    if file is not None:
        try:
            return sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{file}: can't be read: {error}") from None
    if argument is not None:
        return argument
    return None if sys.stdin.isatty() else sys.stdin.read()
