"""Masks the rows of the store for the page, column by column."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ingest.page.masks import make_visible, mask_id, mask_number, mask_text

#: Columns that hold a phone number, and columns of ids that may contain the recipient's number.
_NUMBERS: Final = frozenset({"recipient", "sender"})
_IDS: Final = frozenset({"message_id", "reference"})
#: Columns that hold no text of others, so that their digits are no phone number.
_OWN: Final = frozenset(
    """
    event_id supersedes id provider account country operator status reason retryable source code_source notes
    latency_clock stamp_day week day hour why kind
    """.split()
)


@dataclass(frozen=True, slots=True)
class Mask:
    """Masks phone numbers, unless `show_numbers`, and writes invisible characters as escapes."""

    show_numbers: bool

    def row(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Mask a row."""
        recipient = str(row.get("recipient", ""))
        return {
            name: value if name in _OWN or name.endswith(("_at", "_stamp")) else self.value(name, value, recipient)
            for name, value in row.items()
        }

    def value(self, name: str, value: Any, recipient: str) -> Any:
        """Mask the value of the column `name`, or each text in it."""
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
        """Mask text that others wrote."""
        return make_visible(text if self.show_numbers else mask_text(text))
