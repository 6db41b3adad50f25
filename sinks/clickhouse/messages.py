"""
Messages that can't be written row by row: computed anew from all of their reports, or joined with their submission.

A report as it is first read adds to its message by itself (the views that feed `messages`). A report that is read again
may change its message: then the message gets a new generation, which is computed from all of its reports, and its older
rows are marked as replaced. Each of these statements can be repeated after it was cut short.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Final

from clickhouse_connect.driver.client import Client

from sinks.clickhouse.homes import Home, find_homes, write_homes

_SETTINGS: Final = {
    "max_query_size": 64 * 1024 * 1024,
    "do_not_merge_across_partitions_select_final": 1,
    "use_skip_indexes_if_final_exact_mode": 1,
}
_ROW: Final = "provider, account, message_id, recipient"

_REPORTS: Final = """
INSERT INTO {internal}.reports_to_messages
SELECT
    home, message_key, current.generation AS generation, message_row, day, event_id, supersedes, provider, account, message_id,
    reference, message_stamp, recipient, country, operator, sender, status, reason, provider_status, provider_code, provider_text,
    occurred_at, received_at, source, 0 AS is_copy
FROM {internal}.reports AS found FINAL
INNER JOIN (
    SELECT message_key, max(generation) AS generation FROM {internal}.message_homes
    WHERE message_key IN ({keys}) GROUP BY message_key
) AS current ON current.message_key = found.message_key
WHERE message_key IN ({keys})
    AND day IN (SELECT arrayJoin(days) FROM {internal}.messages WHERE home IN ({homes}) AND message_key IN ({keys})
        UNION ALL SELECT arrayJoin(CAST([{days}], 'Array(Date)')))
"""

_SUBMISSIONS: Final = f"""
INSERT INTO {{internal}}.submissions_to_messages
SELECT home, message_key, current.generation AS generation, message_row, {_ROW}, '' AS message_stamp, country, reference, submitted_at, deadline_at, tags, version
FROM {{internal}}.submissions AS found FINAL
INNER JOIN (
    SELECT message_key, max(generation) AS generation FROM {{internal}}.message_homes
    WHERE message_key IN ({{keys}}) GROUP BY message_key
) AS current ON current.message_key = found.message_key
WHERE home IN ({{homes}}) AND message_key IN ({{keys}})
"""  # noqa: S608 - our own text

#: One insert hides the older generations of a message and shows the new one. All rows of a message are in one partition, so
#: they are in one new part, and no query sees the message twice or not at all. The reports no longer know when copies of
#: them were received, so the last receipt is taken from the older generations.
_SHOWN: Final = f"""
INSERT INTO {{internal}}.messages (home, message_key, generation, message_row, {_ROW}, message_stamp, replaced, ready, last_received_at)
SELECT DISTINCT
    home, message_key, found.generation AS generation, message_row, {_ROW}, message_stamp,
    toUInt8(found.generation < current.generation) AS replaced, toUInt8(found.generation = current.generation) AS ready,
    max(found.last_received_at) OVER (PARTITION BY message_key, message_row) AS last_receipt
FROM {{internal}}.messages AS found
INNER JOIN (
    SELECT message_key, max(generation) AS generation FROM {{internal}}.message_homes
    WHERE message_key IN ({{keys}}) GROUP BY message_key
) AS current ON current.message_key = found.message_key
WHERE home IN ({{homes}}) AND message_key IN ({{keys}})
"""  # noqa: S608 - our own text

#: The rows of stamped messages, each beside the submission of its id and recipient.
_STAMPED: Final = f"""
FROM (
    SELECT * EXCEPT (generation, message_row), message_row AS sent_row, version FROM {{internal}}.submissions FINAL
    WHERE home IN ({{homes}}) AND message_key IN ({{keys}})
) AS sent
INNER JOIN (
    SELECT DISTINCT message_key, generation, message_row, {_ROW}, message_stamp FROM {{internal}}.messages
    WHERE home IN ({{homes}}) AND message_key IN ({{keys}}) AND message_stamp != ''
) AS stamped USING (message_key, {_ROW})
"""  # noqa: S608 - our own text
_SHARED: Final = f"""
INSERT INTO {{internal}}.submissions_to_messages
SELECT
    home, message_key, generation, message_row, {_ROW}, message_stamp, country, sent.reference AS reference, submitted_at, deadline_at,
    tags, version
{_STAMPED}
"""
_CLAIMED: Final = f"""
INSERT INTO {{internal}}.messages (home, message_key, generation, message_row, {_ROW}, message_stamp, claimed)
SELECT DISTINCT home, message_key, generation, sent_row, {_ROW}, '' AS message_stamp, 1
{_STAMPED}
"""


def compute_again(
    client: Client, internal: str, keys: Collection[int], days: Iterable[date], settings: Mapping[str, object]
) -> None:
    """
    Give messages a new generation, computed from their reports and submissions.

    `days` are those of their latest reports, beside the days that `messages` has.
    """
    homes = find_homes(client, internal, keys)
    write_homes(
        client, internal, {key: home._replace(generation=home.generation + 1) for key, home in homes.items()}, settings
    )
    found_days = {*days, *(home.day for home in homes.values())}
    listed = ",".join(f"'{day}'" for day in sorted(found_days))
    _run(client, internal, homes, (_REPORTS, _SUBMISSIONS, _SHARED, _CLAIMED, _SHOWN), settings, days=listed)


def share_submissions(client: Client, internal: str, homes: Mapping[int, Home], settings: Mapping[str, object]) -> None:
    """
    Give the submissions of these messages to the rows that have a `message_stamp`.

    A submission does not know the stamp that the provider puts on its message, so it is stored without one; it belongs
    to every message of its id and recipient.
    """
    _run(client, internal, homes, (_SHARED, _CLAIMED), settings)


def _run(
    client: Client,
    internal: str,
    homes: Mapping[int, Home],
    statements: Iterable[str],
    settings: Mapping[str, object],
    **names: str,
) -> None:
    keys = ",".join(map(str, homes))
    days = ",".join(sorted({f"'{home.day.isoformat()}'" for home in homes.values()}))
    for statement in statements:
        client.command(
            statement.format(internal=internal, keys=keys, homes=days, **names), settings={**settings, **_SETTINGS}
        )
