"""Converts rows of `dlr.reports`, as the query interface returns them, to `DeliveryReport`."""

from datetime import UTC, datetime
from typing import Final

import msgspec

from ingest.connections.clickhouse import Row
from normalizers.model import DeliveryReport

_FIELDS: Final = frozenset(field.name for field in msgspec.structs.fields(DeliveryReport))
_TIMES: Final = ("occurred_at", "received_at")
#: Columns that are empty in the store if the report has None.
_OPTIONAL: Final = ("reason", "custom")


def read_stored(row: Row) -> DeliveryReport:
    """Return the report that a row was made from."""
    given = {name: value for name, value in row.items() if name in _FIELDS}
    for name in _TIMES:
        if given[name] is not None:
            given[name] = datetime.fromisoformat(given[name]).replace(tzinfo=UTC)
    for name in _OPTIONAL:
        given[name] = given[name] or None
    if given["custom"] is not None:
        given["custom"] = msgspec.Raw(given["custom"].encode())
    return msgspec.convert(given, DeliveryReport, strict=False)
