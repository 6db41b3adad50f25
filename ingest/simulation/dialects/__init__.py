"""The providers as they are played: a file each."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ingest.simulation.dialect import Dialect
from ingest.simulation.dialects import cloudsms, cm, juhe, santo

DIALECTS: Final[Mapping[str, Dialect]] = MappingProxyType(
    {dialect.name: dialect for dialect in (cm.DIALECT, juhe.DIALECT, santo.DIALECT, cloudsms.DIALECT)}
)
