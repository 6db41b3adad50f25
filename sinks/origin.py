"""From an item that a provider sent to a record of the stream: the same way for callbacks and for polled answers."""

from collections.abc import Callable, Mapping
from datetime import datetime

import msgspec

from normalizers.errors import MalformedError
from normalizers.model import DeliveryReport, InboundMessage, Item, Reject
from normalizers.privacy import KEEP_ALL, Privacy
from sinks.records import LetterKind, dead_letter_record, inbound_record, report_record
from sinks.stream import Record


def _unmasked(body: bytes) -> bytes:
    return body


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """
    One callback, or one answer of a polled provider: the parts of it that a dead letter keeps.

    `kind` is what its body is as a whole. `path` holds no secret; `mask` removes the account's secrets from a body.
    `privacy` decides what is kept of personal data.
    """

    kind: LetterKind

    provider: str
    account: str
    method: str
    path: str
    query: bytes = b""
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    received_at: datetime
    mask: Callable[[bytes], bytes] = _unmasked
    privacy: Privacy = KEEP_ALL

    def record(self, item: Item) -> Record:
        """Return an item as a record; one that can't be read becomes a dead letter."""
        match item:
            case DeliveryReport():
                return report_record(self.privacy.report(item))
            case InboundMessage():
                return inbound_record(self.privacy.inbound(item))
            case Reject():
                return self._dead_letter(LetterKind.ITEM, item.error, item.raw)

    def dead_letter(self, error: MalformedError, body: bytes) -> Record:
        """Return a whole callback or answer that can't be read as a dead letter."""
        return self._dead_letter(self.kind, error, body)

    def _dead_letter(self, kind: LetterKind, error: MalformedError, body: bytes) -> Record:
        return dead_letter_record(
            kind=kind,
            provider=self.provider,
            account=self.account,
            why=error.why,
            location=error.where,
            detail=error.detail,
            method=self.method,
            path=self.path,
            query=self.privacy.body(self.query),
            headers=self.headers,
            body=self.privacy.body(self.mask(body)),
            received_at=self.received_at,
        )
