"""Bringing a store up to date at the start."""

from ingest.connections.stores import prepare
from ingest.settings.settings import Settings
from sinks.clickhouse.store import Store


def test_the_table_of_codes_holds_the_codes_of_every_provider(store: Store) -> None:
    """A start fills `dlr.codes` with what the program knows, once however often it is repeated."""
    for _ in range(2):
        prepare(store, Settings())
    sql = f"SELECT status, document != '' FROM {store.database}.codes WHERE provider = 'santo' AND code = 'DELIVRD'"
    assert store.client.query(sql).result_rows == [("delivered", 1)]
