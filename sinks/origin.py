"""Turns items of callbacks and of polled answers into records of the stream, without secrets and personal data."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from normalizers.errors import MalformedError
from normalizers.model import DeliveryReport, InboundMessage, Item, Reject
from normalizers.privacy import KEEP_ALL, Privacy
from normalizers.secrets import NO_SECRETS, SecretMask
from sinks.records import LetterKind, dead_letter_record, inbound_record, report_record
from sinks.stream import Record


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """
    The callback or answer that items came from: the parts of it that a dead letter keeps.

    `kind` is the kind of a dead letter of the whole body. `path` is given without a secret; `mask` removes secrets from
    everything else. With `has_secret_fields` the provider's payloads carry a secret, so that reports are searched, too.
    `privacy` decides how much personal data is kept.
    """

    kind: LetterKind
    provider: str
    account: str
    method: str
    path: str
    query: bytes = b""
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    received_at: datetime
    mask: SecretMask = NO_SECRETS
    privacy: Privacy = KEEP_ALL
    has_secret_fields: bool = False

    def record(self, item: Item) -> Record:
        """Return an item as a record; one that can't be read becomes a dead letter."""
        match item:
            case DeliveryReport():
                report = self._without_secret_fields(item) if self.has_secret_fields else item
                return report_record(self.privacy.report(report))
            case InboundMessage():
                return inbound_record(self.privacy.inbound(item))
            case Reject():
                return self._dead_letter(LetterKind.ITEM, item.error, item.raw)

    def _without_secret_fields(self, report: DeliveryReport) -> DeliveryReport:
        """Return a report without the values of the provider's secret fields in `raw` and `custom`."""
        if self.mask.may_hold_field(report.raw):
            report = msgspec.structs.replace(report, raw=self.mask.text(report.raw))
        if isinstance(report.custom, msgspec.Raw) and self.mask.may_hold_field(bytes(report.custom).decode()):
            report = msgspec.structs.replace(report, custom=msgspec.Raw(self.mask(bytes(report.custom))))
        return report

    def dead_letter(self, error: MalformedError, body: bytes) -> Record:
        """Return the dead letter of a callback or answer that can't be read as a whole."""
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
            query=self.privacy.body(self.mask(self.query)),
            headers=self.mask.headers(self.headers),
            body=self.privacy.body(self.mask(body)),
            received_at=self.received_at,
        )
