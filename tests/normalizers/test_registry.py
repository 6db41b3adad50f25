"""Providers in packages of their own."""

from dataclasses import replace
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from normalizers import PROVIDERS
from normalizers.registry import GROUP, InvalidProviderError, ProviderRegistry

ACME = replace(PROVIDERS["juhe"], name="acme")
SHOUTING = replace(PROVIDERS["juhe"], name="ACME")
JUHE = PROVIDERS["juhe"]
NO_PROVIDER = 7


def registry(attribute: str, module: str = __name__) -> dict[str, Any]:
    """Return what a registry with our Juhe and one entry point holds."""
    entry = EntryPoint(name="x", value=f"{module}:{attribute}", group=GROUP)
    return dict(ProviderRegistry({"juhe": PROVIDERS["juhe"]}, [entry]))


def test_an_entry_point_is_a_provider() -> None:
    """A package's provider stands beside our own."""
    found = registry("ACME")
    assert list(found) == ["juhe", "acme"]
    assert found["acme"].name == "acme"


@pytest.mark.parametrize(
    ("attribute", "words"),
    [
        ("JUHE", "there is another provider juhe"),
        ("SHOUTING", '"ACME" is no name: use lower-case letters'),
        ("NO_PROVIDER", "is no normalizers.provider.Provider"),
        ("GONE", "can't be loaded: AttributeError"),
    ],
)
def test_an_entry_point_that_can_not_be_used_is_named(attribute: str, words: str) -> None:
    """A package that can't be used is named with its entry point, and why."""
    with pytest.raises(InvalidProviderError, match=words):
        registry(attribute)
    with pytest.raises(
        InvalidProviderError, match=r"the provider x \(no_such_module:X\) can't be loaded: ModuleNotFound"
    ):
        registry("X", module="no_such_module")


def test_packages_are_loaded_when_they_are_asked_for() -> None:
    """Making the registry loads no package, since packages import it."""
    broken = EntryPoint(name="x", value="no_such_module:X", group=GROUP)
    assert ProviderRegistry({}, [broken]) is not None
