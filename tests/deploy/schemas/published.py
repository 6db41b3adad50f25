"""The published schemas, and records of every topic to validate against them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from jsonschema import Draft202012Validator

from normalizers import PROVIDERS
from normalizers.errors import CallbackError, Fault
from normalizers.model import Account, DeliveryReport, InboundMessage
from normalizers.submissions import Submission, SubmittingAccount, read_submissions
from sinks.records import DeadLetter, LetterKind, dead_letter_record, inbound_record, report_record, submission_record
from sinks.stream import Record, Topic
from tests.normalizers.examples import examples

FOLDER = Path(__file__).parents[3] / "deploy" / "schemas"
FILES = {
    Topic.REPORTS: "report.json",
    Topic.INBOUND: "inbound.json",
    Topic.DEAD_LETTERS: "dead-letter.json",
    Topic.SUBMISSIONS: "submission.json",
}
TYPES: dict[Topic, type] = {
    Topic.REPORTS: DeliveryReport,
    Topic.INBOUND: InboundMessage,
    Topic.DEAD_LETTERS: DeadLetter,
    Topic.SUBMISSIONS: Submission,
}


def schema(topic: Topic) -> dict[str, Any]:
    """Read the schema of a topic's values."""
    found: dict[str, Any] = orjson.loads((FOLDER / FILES[topic]).read_bytes())
    return found


def validator(topic: Topic) -> Draft202012Validator:
    """Return a validator for a topic's values."""
    return Draft202012Validator(schema(topic))


def records() -> Iterator[Record]:
    """Yield the records and dead letters of every example request, and submissions."""
    for case in examples():
        try:
            items = PROVIDERS[case.provider].parse(case.callback)
        except CallbackError:
            yield _dead_letter(case.provider, case.callback.body)
            continue
        for item in items:
            if isinstance(item, DeliveryReport):
                yield report_record(item)
            elif isinstance(item, InboundMessage):
                yield inbound_record(item)
            else:
                yield _dead_letter(case.provider, item.raw)
    yield from _submissions()


def _dead_letter(provider: str, body: bytes) -> Record:
    return dead_letter_record(
        kind=LetterKind.CALLBACK,
        provider=provider,
        account="default",
        why=Fault.BAD_VALUE,
        location="$",
        detail="is wrong",
        headers={"Host": "localhost", "Authorization": "secret"},
        body=body,
        received_at=datetime.now(UTC),
    )


def _submissions() -> Iterator[Record]:
    sender = SubmittingAccount(provider=PROVIDERS["cm"], reading=Account(), reports_within=timedelta(hours=72))
    senders = {sender.key: sender}
    whole = {"reference": "r-1", "submitted_at": "2026-11-20T12:00:00+01:00", "tags": {"campaign": "a"}}
    for fields in ({}, whole):
        sent = {"provider": "cm", "message_id": "m-1", "recipient": "+447911123456", **fields}
        for submission in read_submissions(orjson.dumps(sent), senders, datetime.now(UTC)):
            assert isinstance(submission, Submission)
            yield submission_record(submission)
