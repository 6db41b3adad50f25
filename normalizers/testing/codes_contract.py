"""The promises of every provider's code tables."""

from pathlib import Path
from typing import ClassVar

from normalizers.model import Status
from normalizers.provider import Provider
from normalizers.testing.code_tables import differences, mutants, survivors, tables, transcribed


class CodesContract:
    """The tests of one provider's code tables: `codes_folder` has each as csv, copied from the document."""

    provider: ClassVar[Provider]
    codes_folder: ClassVar[Path]

    def test_a_table_is_its_documents(self) -> None:
        """Every code of a provider's document means here what it means there, and there is none besides."""
        for name, table in tables(self.provider).items():
            assert differences(table.rows(), transcribed(self.codes_folder / f"{name}.csv")) == []
            assert table.document

    def test_no_change_of_a_table_goes_unnoticed(self) -> None:
        """A code with another status or reason, renamed, removed or added, fails the comparison."""
        for name, table in tables(self.provider).items():
            rows, copy = table.rows(), transcribed(self.codes_folder / f"{name}.csv")
            assert survivors(rows, lambda mutant, copy=copy: differences(mutant, copy)) == []  # type: ignore[misc]
            assert len(list(mutants(rows))) > 25 * len(rows)

    def test_every_code_of_a_table_is_found(self) -> None:
        """A code is found as the document writes it, and has an English meaning."""
        for table in tables(self.provider).values():
            assert all(table.find(key) is code for key, code in table.exact.items())
            assert all((code.english or code.meaning).isascii() for code in table.rows().values())

    def test_a_failure_has_a_reason_and_nothing_else_has(self) -> None:
        """A reason says why a message failed, if only that nobody knows."""
        for code in self.provider.codes.rows().values():
            assert code.meaning
            assert code.status.failed == (code.reason is not None)
        if self.provider.reasons is not None:
            for code in self.provider.reasons.rows().values():
                assert code.status is Status.UNKNOWN
                assert code.reason is not None
