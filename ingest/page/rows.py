"""Rows of the store as the page may show them: phone numbers masked wherever they stand, nothing invisible."""

from collections.abc import Mapping
from typing import Any, Final

from ingest.page.masks import make_visible, mask_id, mask_number, shown

#: Columns that hold a phone number, and ids that may have the recipient's number within.
_NUMBERS: Final = frozenset({"recipient", "sender"})
_IDS: Final = frozenset({"message_id", "reference"})
#: Columns of the program's own words, whose digits are no phone number's.
_OWN: Final = frozenset({
    "event_id", "supersedes", "id", "provider", "account", "country", "operator", "status", "reason", "retryable", "source",
    "code_source", "notes", "latency_clock", "stamp_day", "week", "day", "hour", "why", "kind",
})  # fmt: skip


def is_own(column: str) -> bool:
    """Tell whether a column holds the program's own words, or a time."""
    return column in _OWN or column.endswith(("_at", "_stamp"))


def masked_row(row: Mapping[str, Any], *, show_numbers: bool) -> dict[str, Any]:
    """Return a row of the store, by column, as it may be shown."""
    recipient = str(row.get("recipient", ""))
    return {
        name: value if is_own(name) else masked_value(name, value, recipient, show_numbers=show_numbers)
        for name, value in row.items()
    }


def masked_value(name: str, value: Any, recipient: str, *, show_numbers: bool) -> Any:
    """Return one column's value, or each text within it, as it may be shown."""
    if isinstance(value, list):
        return [masked_value(name, each, recipient, show_numbers=show_numbers) for each in value]
    if isinstance(value, Mapping):
        return {
            shown(str(key), show_numbers=show_numbers): masked_value(name, each, recipient, show_numbers=show_numbers)
            for key, each in value.items()
        }
    if not isinstance(value, str):
        return value
    if name in _NUMBERS and not show_numbers:
        return make_visible(mask_number(value))
    if name in _IDS and recipient and not show_numbers:
        return make_visible(mask_id(value, recipient))
    return shown(value, show_numbers=show_numbers)
