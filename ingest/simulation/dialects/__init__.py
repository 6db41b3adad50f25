"""
The dialects of all providers: those of this folder, one in each file, and those of installed packages.

A package names the dialect of its provider as an entry point in the group `dlrhub.dialects`.
"""

from collections.abc import Mapping
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import Final

from ingest.simulation.dialect import Dialect
from ingest.simulation.dialects import cloudsms, cm, juhe, santo

GROUP: Final = "dlrhub.dialects"

_OWN: Final = (cm.DIALECT, juhe.DIALECT, santo.DIALECT, cloudsms.DIALECT)
_INSTALLED: Final[tuple[Dialect, ...]] = tuple(entry.load() for entry in entry_points(group=GROUP))

DIALECTS: Final[Mapping[str, Dialect]] = MappingProxyType({dialect.name: dialect for dialect in (*_OWN, *_INSTALLED)})
