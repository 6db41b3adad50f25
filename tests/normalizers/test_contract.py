"""Every provider in the registry keeps the contract, by the examples and the code tables of this repository."""

import ast
import inspect
import sys

import pytest

from normalizers import PROVIDERS
from normalizers.testing.contract import ProviderContract
from tests.normalizers.examples import CODES, PAYLOADS


def contract_of(name: str) -> type[ProviderContract]:
    """Return the contract's tests of one provider."""
    members = {"provider": PROVIDERS[name], "examples_folder": PAYLOADS / name, "codes_folder": CODES}
    return type(f"Test_{name}", (ProviderContract,), members)


globals().update({f"Test_{name}": contract_of(name) for name in PROVIDERS})


def test_every_example_and_every_table_is_of_a_provider() -> None:
    """No folder of examples and no code table is left out because its name is misspelt."""
    assert {path.name for path in PAYLOADS.iterdir() if path.is_dir()} == set(PROVIDERS)
    errors = {f"{name}-errors" for name, provider in PROVIDERS.items() if provider.reasons is not None}
    assert {path.stem for path in CODES.glob("*.csv")} == set(PROVIDERS) | errors


@pytest.mark.parametrize("name", PROVIDERS)
def test_no_provider_knows_another(name: str) -> None:
    """A provider's module imports no other provider's, so that one can be changed or removed alone."""
    modules = {provider.parse.__module__ for provider in PROVIDERS.values()}
    own = PROVIDERS[name].parse.__module__
    for node in ast.walk(ast.parse(inspect.getsource(sys.modules[own]))):
        if isinstance(node, ast.ImportFrom):
            named = {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
        elif isinstance(node, ast.Import):
            named = {alias.name for alias in node.names}
        else:
            continue
        assert named.isdisjoint(modules - {own})
