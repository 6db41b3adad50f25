"""Makes records for tests; a test names only the fields that matter to it."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

from normalizers.errors import Fault
from normalizers.identity import event_id
from normalizers.model import CodeSource, DeliveryReport, InboundMessage, Source, Status
from normalizers.spelling import NO_DAY
from normalizers.submissions import Submission
from sinks.records import DeadLetter, LetterKind, dead_letter_record, letter_record
from sinks.stream import Record

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)

#: The message that the records are about.
_MESSAGE = {
    "provider": "cm",
    "account": "default",
    "message_id": "m-1",
    "recipient": "+447911123456",
    "country": "GB",
}


def make_report(**given: Any) -> DeliveryReport:
    """Make a report, whose event_id is made of its identifying fields."""
    fields: dict[str, Any] = {
        **_MESSAGE,
        "status": Status.DELIVERED,
        "reason": None,
        "occurred_at": NOON,
        "received_at": NOON,
        "source": Source.CALLBACK,
        "code_source": CodeSource.DOCUMENT,
        "unmapped": False,
        "stamp_day": NO_DAY,
        "raw": "STATUS=2",
        "normalizer": 1,
        "identity": 1,
        **given,
    }
    fields.setdefault("provider_status", fields["status"].value)
    identity = "|".join(
        str(fields[name])
        for name in ("provider", "account", "message_id", "recipient", "provider_status", "occurred_at")
    )
    digest = hashlib.md5(identity.encode(), usedforsecurity=False).hexdigest()
    fields.setdefault("event_id", f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:]}")
    return DeliveryReport(**fields)


def make_submission(**given: Any) -> Submission:
    """Make a submission of the message that `make_report` reports on."""
    fields: dict[str, Any] = {
        **_MESSAGE,
        "reference": "",
        "submitted_at": NOON,
        "tags": {},
        **given,
    }
    fields.setdefault("received_at", fields["submitted_at"])
    fields.setdefault("deadline_at", fields["submitted_at"] + timedelta(hours=72))
    words = (fields["message_id"], fields["recipient"])
    return Submission(event_id=event_id(fields["provider"], fields["account"], words, "submission"), **fields)


def make_letter(**given: Any) -> Record:
    """Make a dead letter: a callback that Juhe posted, and in which the parser failed."""
    fields: dict[str, Any] = {
        "kind": LetterKind.CALLBACK,
        "provider": "juhe",
        "account": "default",
        "why": Fault.PARSER_ERROR,
        "location": "$",
        "detail": "KeyError at _item:1",
        "method": "POST",
        "received_at": NOON,
        **given,
    }
    fields.setdefault("path", f"/callbacks/{fields['provider']}/{fields['account']}")
    return dead_letter_record(**fields)


def make_resolution(words: str) -> Record:
    """Make the result of a replay that could not read a dead letter."""
    letter = DeadLetter(
        id="0" * 32,
        kind=LetterKind.CALLBACK,
        provider="juhe",
        account="default",
        why=Fault.NOT_JSON,
        received_at=NOON,
        resolution=words,
    )
    return letter_record(letter)


def make_inbound(**given: Any) -> InboundMessage:
    """Make an inbound message."""
    fields: dict[str, Any] = {
        "event_id": "00000000-0000-0000-0000-000000000001",
        "provider": "juhe",
        "account": "default",
        "message_id": "m-1",
        "sender": "+8613800138000",
        "recipient": "1069",
        "content": "你好",
        "occurred_at": NOON,
        "received_at": NOON,
        "source": Source.CALLBACK,
        "stamp_day": NOON.date(),
        "raw": "{}",
        "normalizer": 1,
        "identity": 1,
        **given,
    }
    return InboundMessage(**fields)
