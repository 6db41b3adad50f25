"""
The memory of the process that has the embedded engine, shared out.

The program's code and its own data take up to 600 MB. The rest is the engine's: it refuses what would go beyond that, so the
resident memory of the process stays within the setting. Queries leave a part of it to inserts and merges.
"""

from collections.abc import Mapping
from typing import Final

DEFAULT_MB: Final = 3072
LEAST_MB: Final = 1536

_MEBIBYTE: Final = 1024**2
_PROGRAM_MB: Final = 600
INSERTS_BYTES: Final = 512 * _MEBIBYTE
#: Each of the caches may take this part of the memory at most; ClickHouse's own limits are several GB.
_CACHE_SHARE: Final = 64
_CACHES: Final = ("mark_cache_size", "index_mark_cache_size", "primary_index_cache_size", "query_condition_cache_size")


def engine_options(memory_mb: int) -> Mapping[str, int]:
    """Return the engine's server settings that keep a process within so many MB."""
    return {
        "max_server_memory_usage": (memory_mb - _PROGRAM_MB) * _MEBIBYTE,
        **dict.fromkeys(_CACHES, memory_mb // _CACHE_SHARE * _MEBIBYTE),
    }


def query_bytes(memory_mb: int) -> int:
    """Return how much of it all queries together may take."""
    return (memory_mb - _PROGRAM_MB) * _MEBIBYTE - INSERTS_BYTES
