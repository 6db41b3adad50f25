"""How long rows are kept: a TTL on the storage tables, by the day of their receipt."""

import re
from typing import Final

from sinks.clickhouse.store import TABLES, Store

_TTL: Final = re.compile(r"\bTTL toDateTime\(received_at\) \+ toIntervalDay\((\d+)\)")


def apply_retention(store: Store, days: int, *, cluster: str = "") -> list[str]:
    """
    Keep rows for `days` days after their receipt, 0 for ever; return the tables that had to be changed.

    ClickHouse drops what is older with its merges. A TTL of another kind is an operator's, and stays where `days` is 0.
    """
    changed = [table for table in TABLES.values() if _days(store, table) != days]
    for table in changed:
        change = f"MODIFY TTL toDateTime(received_at) + toIntervalDay({days})" if days else "REMOVE TTL"
        on_cluster = f"ON CLUSTER '{cluster}'" if cluster else ""
        store.client.command(f"ALTER TABLE {store.internal}.{table} {on_cluster} {change}")
    return changed


def _days(store: Store, table: str) -> int:
    engine = store.client.command(
        "SELECT engine_full FROM system.tables WHERE database = {database:String} AND name = {table:String}",
        parameters={"database": store.internal, "table": table},
    )
    found = _TTL.search(str(engine))
    return int(found[1]) if found else 0
