"""The formats of answers."""

import pytest

from ingest.commands.output import clickhouse_format, has_no_rows


def test_formats_have_short_names() -> None:
    """Short names stand for the usual formats, other names are ClickHouse's, and a pipe gets tab-separated values."""
    names = {"table": "PrettyCompactMonoBlock", "CSV": "CSVWithNames", "json": "JSON", "jsonl": "JSONEachRow"}
    names |= {"parquet": "Parquet", "XML": "XML", "": "TabSeparatedWithNames"}
    assert {given: clickhouse_format(given) for given in names} == names


@pytest.mark.parametrize(
    ("output_format", "body", "empty"),
    [
        ("PrettyCompactMonoBlock", b"", True),
        ("CSVWithNames", b'"a"\n', True),
        ("CSVWithNames", b'"a"\n1\n', False),
        ("JSONEachRow", b"", True),
        ("JSONEachRow", b"{}\n", False),
        ("JSON", b"", False),
    ],
)
def test_an_answer_without_rows_is_recognised(output_format: str, body: bytes, *, empty: bool) -> None:
    """An answer without rows is told from one with rows in every format that does not say so itself."""
    assert has_no_rows(body, output_format) is empty
