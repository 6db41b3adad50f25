"""The formats in which commands print rows, and the console that they print tables on."""

import sys
from typing import Final

from rich.console import Console

#: Short names for ClickHouse's output formats; every other name is passed on as it is.
_FORMATS: Final = {
    "table": "PrettyCompactMonoBlock",
    "csv": "CSVWithNames",
    "tsv": "TabSeparatedWithNames",
    "json": "JSON",
    "jsonl": "JSONEachRow",
    "parquet": "Parquet",
    "vertical": "Vertical",
    "markdown": "Markdown",
}
FORMAT_HELP: Final = f"{', '.join(_FORMATS)}, or any of ClickHouse's output formats"
#: Formats whose first line is a header, and formats that print nothing if there are no rows.
_WITH_HEADER: Final = frozenset({"CSVWithNames", "TabSeparatedWithNames"})
_ROWS_ONLY: Final = frozenset({"PrettyCompactMonoBlock", "JSONEachRow", "Vertical", "CSV", "TabSeparated"})
_BINARY: Final = frozenset({"Parquet", "Arrow", "ArrowStream", "ORC", "Avro", "Native", "RowBinary", "MsgPack"})


def clickhouse_format(name: str) -> str:
    """Return ClickHouse's name of a format; by default a table on a terminal, and tab-separated values elsewhere."""
    default = "table" if sys.stdout.isatty() else "tsv"
    return _FORMATS.get((name or default).lower(), name)


def console(width: int = 160) -> Console:
    """Return a console for the standard output, `width` columns wide if that is no terminal."""
    return Console(width=None if sys.stdout.isatty() else width)


def is_binary(output_format: str) -> bool:
    """Tell whether a format's output would upset a terminal."""
    return output_format in _BINARY


def has_no_rows(body: bytes, output_format: str) -> bool:
    """Tell whether an answer has no rows; False for formats in which the reader sees that."""
    if output_format in _WITH_HEADER:
        return body.count(b"\n") <= 1
    return output_format in _ROWS_ONLY and not body.strip()
