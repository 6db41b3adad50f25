"""
The ground floor: turns a provider's bytes into records with a common meaning.

Nothing here reads a clock, a socket or a setting. A provider is one file and one name in the registry below, or an
installed package of its own.
"""

from collections.abc import Mapping
from typing import Final

from normalizers import cloudsms, cm, cmessages, juhe, santo
from normalizers.provider import Provider
from normalizers.registry import ProviderRegistry

#: Every provider by its name: a URL's segment, a metric's label and a stored value alike.
PROVIDERS: Final[Mapping[str, Provider]] = ProviderRegistry(
    {provider.PROVIDER.name: provider.PROVIDER for provider in (cm, juhe, santo, cloudsms, cmessages)}
)
