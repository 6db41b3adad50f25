"""The code tables are the documents', to the row."""

from dataclasses import replace

import pytest

from normalizers.model import Status
from tests.normalizers.code_tables import FOLDER, Rows, differences, mutants, survivors, tables, transcribed

NAMES = pytest.mark.parametrize("name", sorted(tables()))


@NAMES
def test_a_table_is_its_documents(name: str) -> None:
    """Every code of a provider's document means here what it means there, and there is none besides."""
    assert differences(tables()[name].rows(), transcribed(name)) == []


def test_every_table_was_transcribed() -> None:
    """No table is without its copy, and no copy without its table."""
    assert {path.stem for path in FOLDER.glob("*.csv")} == set(tables())


@NAMES
def test_no_change_of_a_table_goes_unnoticed(name: str) -> None:
    """A code with another status or reason, renamed, removed or added, fails the comparison."""
    rows, copy = tables()[name].rows(), transcribed(name)
    assert survivors(rows, lambda mutant: differences(mutant, copy)) == []
    assert len(list(mutants(rows))) > 25 * len(rows)


@NAMES
def test_a_comparison_that_looks_away_is_found_out(name: str) -> None:
    """The search for unnoticed changes finds those that a careless comparison lets through."""
    copy = transcribed(name)

    def blind(rows: Rows) -> Rows:
        return {key: replace(code, reason=None) for key, code in rows.items()}

    rows = tables()[name].rows()
    careless = survivors(rows, lambda mutant: differences(blind(mutant), blind(copy)))
    assert careless
    assert all(" because " in change for change in careless)
    assert len(survivors(rows, lambda _: [])) == len(list(mutants(rows)))


@NAMES
def test_every_code_of_a_table_is_found(name: str) -> None:
    """A code is found as the document writes it."""
    table = tables()[name]
    assert all(table.find(key) is code for key, code in table.exact.items())


@NAMES
def test_a_failure_has_a_reason_and_nothing_else_has(name: str) -> None:
    """A reason says why a message failed, if only that nobody knows."""
    for code in tables()[name].rows().values():
        assert code.meaning
        if name.endswith("-errors"):
            assert code.status is Status.UNKNOWN
            assert code.reason is not None
        else:
            assert code.status.failed == (code.reason is not None)
