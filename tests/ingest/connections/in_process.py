"""A client of the store of a test, which is an engine in this process and not a server."""

from ingest.connections.clickhouse import Parameters, StoreClient
from sinks.clickhouse.store import Store
from tests.sinks.clickhouse.asking import answer


class InProcessClient(StoreClient):
    """Answers queries from the engine of the tests."""

    def __init__(self, store: Store) -> None:
        """Read from `store`."""
        super().__init__("http://127.0.0.1:9", store.database)
        self._store = store

    async def query(self, sql: str, output_format: str, parameters: Parameters | None = None) -> bytes:
        """Answer in an output format."""
        return answer(self._store, sql, output_format, parameters)
