"""Rows and texts of the store as the page may show them: phone numbers masked, nothing invisible."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ingest.page.masks import make_visible, mask_id, mask_number, mask_text

#: Columns that hold a phone number, and ids that may have the recipient's number within.
_NUMBERS: Final = frozenset({"recipient", "sender"})
_IDS: Final = frozenset({"message_id", "reference"})
#: Columns of the program's own words, whose digits are no phone number's.
_OWN: Final = frozenset({
    "event_id", "supersedes", "id", "provider", "account", "country", "operator", "status", "reason", "retryable", "source",
    "code_source", "notes", "latency_clock", "stamp_day", "week", "day", "hour", "why", "kind",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mask:
    """Hides phone numbers, unless `show_numbers`, and writes invisible characters out."""

    show_numbers: bool

    def row(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return a row, by column, as it may be shown."""
        recipient = str(row.get("recipient", ""))
        return {
            name: value if name in _OWN or name.endswith(("_at", "_stamp")) else self.value(name, value, recipient)
            for name, value in row.items()
        }

    def value(self, name: str, value: Any, recipient: str) -> Any:
        """Return one column's value, or each text within it, as it may be shown."""
        if isinstance(value, list):
            return [self.value(name, each, recipient) for each in value]
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.value(name, each, recipient) for key, each in value.items()}
        if not isinstance(value, str):
            return value
        if name in _NUMBERS and not self.show_numbers:
            return make_visible(mask_number(value))
        if name in _IDS and recipient and not self.show_numbers:
            return make_visible(mask_id(value, recipient))
        return self.text(value)

    def text(self, text: str) -> str:
        """Return text that others wrote as it may be shown."""
        return make_visible(text if self.show_numbers else mask_text(text))
