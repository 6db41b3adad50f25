"""A stream that inserts into the store at once, as the drain would."""

from collections.abc import Sequence
from itertools import groupby

from sinks.clickhouse.store import Store
from sinks.rows import check
from sinks.stream import Record


class DirectProducer:
    """Appends straight into a store, through the drain's own check of each value."""

    at_once = 1

    def __init__(self, store: Store) -> None:
        """Append to `store`."""
        self._store = store

    async def append(self, records: Sequence[Record]) -> None:
        """Insert the records."""
        for topic, group in groupby(records, key=lambda record: record.topic):
            self._store.insert(topic, [check(topic, record.value) for record in group])

    async def close(self) -> None:
        """Do nothing."""
