"""A stream without a way between: what is appended is in the store at once, as the drain would put it there."""

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
        self.appended: list[Record] = []

    async def append(self, records: Sequence[Record]) -> None:
        """Insert the records."""
        for topic, group in groupby(records, key=lambda record: record.topic):
            self._store.insert(topic, [check(topic, record.value).value for record in group])
        self.appended += records

    async def close(self) -> None:
        """Do nothing."""
