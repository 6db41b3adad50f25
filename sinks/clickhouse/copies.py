"""
The recipient under which a report is stored stays that of its first copy.

A provider sends a report again after `default_region`, `store_numbers` or the telephone number data has changed: the
copy has the same event id and another recipient. A recipient is part of what tells messages apart, so that such a copy
would make a second message of one. Before it is inserted it is given the recipient that the stored report has.
"""

from collections.abc import Collection, Sequence
from datetime import date
from typing import Final, NamedTuple

from clickhouse_connect.driver.client import Client

_SETTINGS: Final = {"max_query_size": 64 * 1024 * 1024}


class Recipient(NamedTuple):
    """A phone number as a report has it, and its country."""

    number: str
    country: str


class Suspect(NamedTuple):
    """A report whose recipient is not the first that its message had; `days` are those under which it may be stored."""

    event_id: str
    message_key: int
    days: Collection[date]


def stored_recipients(client: Client, internal: str, suspects: Sequence[Suspect]) -> dict[str, Recipient]:
    """Return the recipients of the stored reports, by event id; of several copies, that of the one that stays."""
    if not suspects:
        return {}
    days = ",".join(sorted({f"'{day}'" for suspect in suspects for day in suspect.days}))
    keys = ",".join(sorted({str(suspect.message_key) for suspect in suspects}))
    ids = ",".join(sorted({f"'{suspect.event_id}'" for suspect in suspects}))
    found = client.query(
        "SELECT toString(event_id), argMax(recipient, version), argMax(country, version)"  # noqa: S608 - days, numbers and UUIDs
        f" FROM {internal}.reports WHERE day IN ({days}) AND message_key IN ({keys}) AND event_id IN ({ids})"
        " AND is_deleted = 0 GROUP BY event_id",
        settings=_SETTINGS,
    ).result_rows
    return {event_id: Recipient(number, country) for event_id, number, country in found}
