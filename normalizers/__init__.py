"""
The ground floor: what the providers say, and what it means.

Bytes in, records out. Nothing here reads a clock, a socket, a file or a setting. A provider is one file, and one line
in the registry below: being in it is being served, and being tested.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from normalizers import cloudsms, cm, cmessages, juhe, santo
from normalizers.provider import Provider

#: Every provider by its name: a URL's segment, a metric's label and a stored value alike.
PROVIDERS: Final[Mapping[str, Provider]] = MappingProxyType(
    {provider.PROVIDER.name: provider.PROVIDER for provider in (cm, juhe, santo, cloudsms, cmessages)}
)
