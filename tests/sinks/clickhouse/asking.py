"""Inserts and questions of the tests of the store; `ask_of` asks as `ingest.connections.clickhouse.StoreClient` does."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from normalizers.model import DeliveryReport
from sinks.clickhouse.pending import Ask
from sinks.clickhouse.store import Store
from sinks.stream import Topic


def insert(store: Store, *reports: DeliveryReport) -> None:
    """Insert reports, each in an insert of its own, as far apart as they can be."""
    for report in reports:
        store.insert(Topic.REPORTS, [report])


def rows(store: Store, sql: str) -> list[dict[str, Any]]:
    """Ask the store."""
    return list(store.client.query(sql.replace("dlr.", f"{store.database}.")).named_results())


def one(store: Store, sql: str) -> dict[str, Any]:
    """Ask the store for one row."""
    [row] = rows(store, sql)
    return row


def answer(store: Store, sql: str, output_format: str, parameters: Mapping[str, Any] | None = None) -> bytes:
    """Return an answer from the store's database in an output format."""
    store.client.command(f"USE {store.database}")
    return store.client.raw_query(sql, parameters=dict(parameters or {}), fmt=output_format)


def ask_of(store: Store) -> Ask:
    """Return a function that answers with rows by column name."""

    async def ask(sql: str, parameters: Mapping[str, str | int]) -> Sequence[Mapping[str, Any]]:
        return [json.loads(line) for line in answer(store, sql, "JSONEachRow", parameters).splitlines()]

    return ask
