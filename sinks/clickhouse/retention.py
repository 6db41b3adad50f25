"""How long rows are kept: a TTL on the storage tables, by the day of their receipt."""

import re
from collections.abc import Mapping
from typing import Final

from sinks.clickhouse.store import TABLES, Store
from sinks.stream import Topic

_TTL: Final = re.compile(r"\bTTL (?:toDateTime\(received_at\)|home) \+ toIntervalDay\((\d+)\)")
_OF_MESSAGES: Final = ("messages", "message_homes")


def apply_retention(store: Store, days: Mapping[Topic, int]) -> list[str]:
    """
    Keep the rows of each topic for so many days after their receipt, 0 for ever; return the tables that had to be
    changed.

    A message is kept as long as reports and submissions are, from the first receipt on: it goes as a whole. ClickHouse
    drops what is older with its merges. A TTL of another kind is an operator's, and stays where the days are 0.
    """
    of_messages = (days[Topic.REPORTS], days[Topic.SUBMISSIONS])
    wanted = {TABLES[topic]: kept for topic, kept in days.items()}
    wanted |= dict.fromkeys(_OF_MESSAGES, max(of_messages) if all(of_messages) else 0)
    changed = {table: kept for table, kept in wanted.items() if _days(store, table) != kept}
    for table, kept in changed.items():
        since = "home" if table in _OF_MESSAGES else "toDateTime(received_at)"
        change = f"MODIFY TTL {since} + toIntervalDay({kept})" if kept else "REMOVE TTL"
        store.client.command(f"ALTER TABLE {store.local}.{table} {store.on_cluster} {change}")
    return list(changed)


def _days(store: Store, table: str) -> int:
    engine = store.client.command(
        "SELECT engine_full FROM system.tables WHERE database = {database:String} AND name = {table:String}",
        parameters={"database": store.local, "table": table},
    )
    found = _TTL.search(str(engine))
    return int(found[1]) if found else 0
