"""The comparison of a code table with its transcription notices what it is for."""

from dataclasses import replace

import pytest

from normalizers import PROVIDERS
from normalizers.testing.code_tables import Rows, differences, mutants, survivors, tables, transcribed
from tests.normalizers.examples import CODES


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_comparison_that_looks_away_is_found_out(provider: str) -> None:
    """The search for unnoticed changes finds those that a careless comparison lets through."""

    def blind(rows: Rows) -> Rows:
        return {key: replace(code, reason=None) for key, code in rows.items()}

    for name, table in tables(PROVIDERS[provider]).items():
        rows, copy = table.rows(), transcribed(CODES / f"{name}.csv")
        careless = survivors(rows, lambda mutant, copy=copy: differences(blind(mutant), blind(copy)))  # type: ignore[misc]
        assert careless
        assert all(" because " in change for change in careless)
        assert len(survivors(rows, lambda _: [])) == len(list(mutants(rows)))
