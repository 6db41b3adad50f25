"""From an item that a provider sent to a record of the stream: the same way for callbacks and for polled answers."""

from collections.abc import Callable, Mapping
from datetime import datetime

import msgspec

from normalizers.errors import MalformedError
from normalizers.model import DeliveryReport, InboundMessage, Item, Reject
from sinks.records import dead_letter_record, inbound_record, report_record
from sinks.stream import Record


def _unmasked(body: bytes) -> bytes:
    return body


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """
    One callback, or one answer of a polled provider: the parts of it that a dead letter keeps.

    `path` holds no secret; `mask` removes the account's secrets from a body.
    """

    provider: str
    account: str
    method: str
    path: str
    query: bytes = b""
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    received_at: datetime
    mask: Callable[[bytes], bytes] = _unmasked

    def record(self, item: Item) -> Record:
        """Return an item as a record; one that can't be read becomes a dead letter."""
        match item:
            case DeliveryReport():
                return report_record(item)
            case InboundMessage():
                return inbound_record(item)
            case Reject():
                return self.dead_letter(item.error, item.raw)

    def dead_letter(self, error: MalformedError, body: bytes) -> Record:
        """Return bytes that can't be read as a dead letter."""
        return dead_letter_record(
            provider=self.provider,
            account=self.account,
            why=error.why,
            location=error.where,
            detail=error.detail,
            method=self.method,
            path=self.path,
            query=self.query,
            headers=self.headers,
            body=self.mask(body),
            received_at=self.received_at,
        )
