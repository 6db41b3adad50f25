"""The engine of the tests, asked as `ingest.connections.clickhouse.StoreClient` asks a server."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sinks.clickhouse.pending import Ask
from sinks.clickhouse.store import Store


def answer(store: Store, sql: str, output_format: str, parameters: Mapping[str, Any] | None = None) -> bytes:
    """Return an answer from the store's database in an output format."""
    store.client.command(f"USE {store.database}")
    return store.client.raw_query(sql, parameters=dict(parameters or {}), fmt=output_format)


def ask_of(store: Store) -> Ask:
    """Return a function that answers with rows by column name."""

    async def ask(sql: str, parameters: Mapping[str, str | int]) -> Sequence[Mapping[str, Any]]:
        return [json.loads(line) for line in answer(store, sql, "JSONEachRow", parameters).splitlines()]

    return ask
