"""
A cluster of two shards in the tests' one engine.

The engine's configuration names this process twice, as two shards, so that Distributed tables, their views and inserts run
as they do on servers. Both shards have the same tables: a filter on every storage table shows each shard its own rows.
What one process can't have is taken out of the statements: ON CLUSTER, which needs a Keeper, and Replicated engines.
"""

import re
from pathlib import Path
from typing import Any, Final

from clickhouse_connect.driver.client import Client

CLUSTER: Final = "two_shards"
_SHARD: Final = (
    "<shard><internal_replication>true</internal_replication>"
    "<replica><host>{host}</host><port>9000</port></replica></shard>"
)
CONFIGURATION: Final = (
    f"<clickhouse><tcp_port>9000</tcp_port><remote_servers><{CLUSTER}>"
    f"{_SHARD.format(host='127.0.0.1')}{_SHARD.format(host='localhost')}"
    f"</{CLUSTER}></remote_servers></clickhouse>"
)
_KEYS: Final = {
    **dict.fromkeys(("message_homes", "reports", "submissions", "messages"), "message_key"),
    "submissions_lately": "cityHash64(message_id)",
    "inbound": "cityHash64(event_id)",
    "dead_letters": "cityHash64(id)",
}
_ONE_PROCESS: Final = re.compile(rf" ON CLUSTER '{CLUSTER}'|Replicated(?=\w*MergeTree)|'/clickhouse/tables/[^)]*'")


def options(folder: Path) -> dict[str, str]:
    """Write the configuration into `folder`, and return the engine's options that name it."""
    path = folder / "cluster.xml"
    path.write_text(CONFIGURATION, encoding="utf-8")
    return {"config-file": str(path)}


class TwoShards:
    """A client of the engine as a server of the cluster."""

    def __init__(self, client: Client, local: str) -> None:
        """Show each shard its own rows of the storage tables in the database `local`."""
        self._client = client
        shown = ", ".join(f"'{local}.{table}': 'shardNum() IN (0, {key} % 2 + 1)'" for table, key in _KEYS.items())
        client.command(f"SET additional_table_filters = {{{shown}}}")

    def command(self, sql: str, **options: Any) -> Any:
        """Run a statement, as far as one process can."""
        return self._client.command(_ONE_PROCESS.sub("", sql), **options)

    def __getattr__(self, name: str) -> Any:
        """Do everything else as the client does."""
        return getattr(self._client, name)
