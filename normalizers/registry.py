"""
Providers in packages of their own, found by their entry points.

A package names its `Provider` under the group `dlrhub.providers`:

    [project.entry-points."dlrhub.providers"]
    twilio = "dlrhub_twilio:PROVIDER"
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from normalizers.provider import Provider

GROUP: Final = "dlrhub.providers"
#: A name is used as a URL segment, a metric label and part of a module's name.
NAME_PATTERN: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")


class InvalidProviderError(Exception):
    """A provider's package can't be used; the text says which, and why."""


class ProviderRegistry(Mapping[str, Provider]):
    """
    The providers by name: our own, and those of installed packages.

    Packages are loaded when the registry is first read, not when it is made, because they import this package. Reading
    raises `InvalidProviderError` if a package can't be used.
    """

    def __init__(self, own: Mapping[str, Provider], found: Iterable[EntryPoint] | None = None) -> None:
        """Hold our own providers, and those of the entry points `found` (default: all of this environment)."""
        self._own = own
        self._found = found

    def __getitem__(self, name: str) -> Provider:
        return self._all[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    @cached_property
    def _all(self) -> Mapping[str, Provider]:
        providers = dict(self._own)
        for entry in entry_points(group=GROUP) if self._found is None else self._found:
            provider = _load(entry)
            if provider.name in providers:
                raise InvalidProviderError(f"{_place(entry)}: there is another provider {provider.name}")
            providers[provider.name] = provider
        return providers


def _load(entry: EntryPoint) -> Provider:
    try:
        provider = entry.load()
    except Exception as error:
        raise InvalidProviderError(f"{_place(entry)} can't be loaded: {type(error).__name__}: {error}") from error
    if not isinstance(provider, Provider):
        raise InvalidProviderError(f"{_place(entry)} is no normalizers.provider.Provider")
    if NAME_PATTERN.fullmatch(provider.name) is None:
        raise InvalidProviderError(
            f'{_place(entry)}: "{provider.name}" is no name: use lower-case letters, digits and underscores'
        )
    return provider


def _place(entry: EntryPoint) -> str:
    package = entry.dist.name if entry.dist else "an installed package"
    return f"{package}: the provider {entry.name} ({entry.value})"
