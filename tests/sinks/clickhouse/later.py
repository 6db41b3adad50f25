"""
A migration that comes after those there are: a column, a table, a view that feeds it, and what was stored before.

    python -m tests.sinks.clickhouse.later FOLDER COUNT

opens the store in a folder, inserts COUNT reports, and applies it; prints a line after each statement.
"""

import sys
from pathlib import Path
from typing import Any, Final, cast

from clickhouse_connect.driver.client import Client

from sinks.clickhouse.migrate import Migration, migrate, migrations
from sinks.clickhouse.store import Store, open_embedded
from sinks.stream import Topic
from tests.factories import make_report

LATER: Final = Migration(
    2,
    "0002_sizes",
    """
-- The longest report of each message.
ALTER TABLE ${local}.reports ${on_cluster} ADD COLUMN IF NOT EXISTS size UInt64 DEFAULT length(raw);
ALTER TABLE ${internal}.reports ${on_cluster} ADD COLUMN IF NOT EXISTS size UInt64 DEFAULT length(raw);

CREATE TABLE IF NOT EXISTS ${local}.sizes ${on_cluster} (
    message_id String, longest SimpleAggregateFunction(max, UInt64)
)
ENGINE = ${replicated}AggregatingMergeTree ORDER BY message_id ${settings};
CREATE TABLE IF NOT EXISTS ${internal}.sizes ${on_cluster} AS ${local}.sizes
ENGINE = Distributed('${cluster}', '${local}', 'sizes', cityHash64(message_id));

CREATE MATERIALIZED VIEW IF NOT EXISTS ${local}.sizes_feed ${on_cluster} TO ${local}.sizes AS
SELECT message_id, size AS longest FROM ${local}.reports;

INSERT INTO ${internal}.sizes SELECT message_id, size AS longest FROM ${internal}.reports;

CREATE OR REPLACE VIEW ${database}.sizes ${on_cluster} AS
SELECT message_id, max(longest) AS longest FROM ${internal}.sizes GROUP BY message_id;
""",
)
WANTED: Final = (*migrations(), LATER)


def insert(store: Store, number: int) -> None:
    """Insert a report of a message of its own, whose raw text has `number` bytes."""
    report = make_report(message_id=f"m{number}", raw="x" * number)
    store.insert(Topic.REPORTS, [report])


def assert_exact(store: Store, numbers: range, *views: str) -> None:
    """See that the views have the reports with these numbers, and nothing else."""
    for view in views:
        found = store.client.query(f"SELECT message_id FROM {store.database}.{view}").result_columns
        assert sorted(*found) == sorted(f"m{number}" for number in numbers), view
    if "sizes" in views:
        wrong = f"SELECT count() FROM {store.database}.sizes WHERE message_id != concat('m', toString(longest))"
        assert store.client.command(wrong) == 0


class TellingClient:
    """Prints a line after each statement."""

    def __init__(self, client: Client) -> None:
        """Pass everything on to `client`."""
        self._client = client

    def command(self, sql: str, **options: Any) -> Any:
        """Run a statement, and tell."""
        found = self._client.command(sql, **options)
        sys.stdout.write(f"{sql.split(maxsplit=1)[0]}\n")
        sys.stdout.flush()
        return found

    def __getattr__(self, name: str) -> Any:
        """Do everything else as the client does."""
        return getattr(self._client, name)


def main(folder: Path, count: int) -> None:
    """Insert, and migrate."""
    store = open_embedded(folder)
    migrate(store)
    for number in range(count):
        insert(store, number)
    migrate(Store(cast("Client", TellingClient(store.client))), wanted=WANTED)
    insert(store, count)
    assert_exact(store, range(count + 1), "reports", "messages", "sizes")
    sys.stdout.write("done\n")
    store.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
