"""Providers in packages of their own."""

from dataclasses import replace
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from normalizers import PROVIDERS
from normalizers.records import Parser
from normalizers.registry import GROUP, InvalidProviderError, ProviderRegistry

ACME = replace(PROVIDERS["juhe"], parser=Parser("acme", version=1, identity=1))
SHOUTING = replace(PROVIDERS["juhe"], parser=Parser("ACME", version=1, identity=1))


def registry(attribute: str, module: str = __name__) -> dict[str, Any]:
    """Return the content of a registry with our Juhe and one entry point."""
    entry = EntryPoint(name="x", value=f"{module}:{attribute}", group=GROUP)
    return dict(ProviderRegistry({"juhe": PROVIDERS["juhe"]}, [entry]))


def test_an_entry_point_is_a_provider() -> None:
    """A package's provider stands beside our own."""
    found = registry("ACME")
    assert list(found) == ["juhe", "acme"]
    assert found["acme"] is ACME


@pytest.mark.parametrize(
    ("module", "attribute", "words"),
    [
        ("normalizers.juhe", "PROVIDER", "there is another provider juhe"),
        (__name__, "SHOUTING", f'"{SHOUTING.name}" is no name: use lower-case letters'),
        ("normalizers.juhe", "CODES", r"is no normalizers\.provider\.Provider"),
        ("normalizers.juhe", "GONE", "can't be loaded: AttributeError"),
        ("no_such_module", "X", r"the provider x \(no_such_module:X\) can't be loaded: ModuleNotFoundError"),
    ],
)
def test_an_entry_point_that_can_not_be_used_is_named(module: str, attribute: str, words: str) -> None:
    """The error about a package that can't be used names its entry point and the reason."""
    with pytest.raises(InvalidProviderError, match=words):
        registry(attribute, module)


def test_packages_are_loaded_when_they_are_asked_for() -> None:
    """Making the registry loads no package, since packages import it."""
    broken = EntryPoint(name="x", value="no_such_module:X", group=GROUP)
    assert ProviderRegistry({}, [broken]) is not None
