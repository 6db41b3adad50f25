"""
The tests of every provider's code tables.

Each table exists twice: in the program, and as csv, transcribed from the provider's document independently.
`<provider>.csv` holds the codes (code, status, reason, meaning), `<provider>-errors.csv` the error codes, which give a
reason alone.
"""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from normalizers.model import Code, CodeTable, Reason, Status
from normalizers.provider import Provider


class CodesContract:
    """The tests of one provider's code tables: `codes_folder` has each of them as csv."""

    provider: ClassVar[Provider]
    codes_folder: ClassVar[Path]

    def test_a_table_is_its_documents(self) -> None:
        """A provider's table has the codes and meanings of its document, and no others."""
        for name, table in _tables(self.provider).items():
            assert table.rows() == transcribed(self.codes_folder / f"{name}.csv")
            assert table.document

    def test_every_code_of_a_table_is_found(self) -> None:
        """A code is found as the document writes it, and has an English meaning."""
        for table in _tables(self.provider).values():
            assert all(table.find(key) is code for key, code in table.exact.items())
            assert all((code.english or code.meaning).isascii() for code in table.rows().values())

    def test_a_failure_has_a_reason_and_nothing_else_has(self) -> None:
        """A code has a reason exactly if it means a failure; an error code always has one."""
        for code in self.provider.codes.rows().values():
            assert code.meaning
            assert code.status.failed == (code.reason is not None)
        if self.provider.reasons is not None:
            for code in self.provider.reasons.rows().values():
                assert code.status is Status.UNKNOWN
                assert code.reason is not None


def _tables(provider: Provider) -> dict[str, CodeTable]:
    """Return a provider's tables by the name of their csv."""
    errors = {} if provider.reasons is None else {f"{provider.name}-errors": provider.reasons}
    return {provider.name: provider.codes} | errors


def transcribed(file: Path) -> dict[str, Code]:
    """Return a csv's rows; a csv of error codes has no column `status`."""
    with file.open(encoding="utf-8", newline="") as lines:
        return {row["code"]: _code(row) for row in csv.DictReader(lines)}


def _code(row: Mapping[str, str]) -> Code:
    reason = row["reason"]
    return Code(Status(row.get("status", "unknown")), Reason(reason) if reason else None, row["meaning"])
