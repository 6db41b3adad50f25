"""Chooses a key's partition, as Kafka's Java client does."""

from typing import Final

from murmurhash2 import murmurhash2

_SEED: Final = 0x9747B28C
_POSITIVE: Final = 0x7FFFFFFF


def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition of a key among `partitions` (Kafka's BuiltInPartitioner.partitionForKey)."""
    return (murmurhash2(key, _SEED) & _POSITIVE) % partitions
