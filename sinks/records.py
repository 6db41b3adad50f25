"""Records of the stream: reports, inbound messages, submissions and dead letters as JSON with their table's columns."""

import base64
import hashlib
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec
import orjson

from normalizers.errors import Fault
from normalizers.model import DeliveryReport, InboundMessage
from normalizers.submissions import Submission
from sinks.stream import Record, Topic

#: Version of the JSON values, in the Kafka header `schema-version`. Version 1 was dlrhub 0.1's, which made event ids of
#: other fields: its records are refused.
SCHEMA_VERSION: Final = 2

_encode: Final = msgspec.json.Encoder().encode
_NOT_ASCII: Final = 0x80


class LetterKind(StrEnum):
    """The content of a dead letter's body, which decides how it is read again."""

    #: A whole callback.
    CALLBACK = "callback"
    #: One item of a callback or answer.
    ITEM = "item"
    #: A whole answer to a poll.
    ANSWER = "answer"
    #: A record of the stream that the store refused.
    RECORD = "record"


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """
    A request, answer or record that could not be read. The fields are the columns of `dlr.dead_letters`.

    `id` is a hash of the content, so that a provider's retries of it are one letter with a count. `body` is the bytes as
    text if they are UTF-8, else in base64, as `body_encoding` says. Non-ASCII bytes of `query` are percent-encoded.
    `headers` is a JSON object.

    A replay writes one more row with the same id and the time of the replay as `received_at`: `resolution` is its
    result, and `resolved_at` is set if the letter could be read. Both are empty in the row of a receipt.
    """

    id: str
    provider: str
    account: str
    why: Fault
    location: str = ""
    detail: str = ""
    method: str = ""
    path: str = ""
    query: str = ""
    headers: str = ""
    body: str = ""
    body_encoding: str = "utf-8"
    received_at: datetime
    kind: LetterKind
    resolved_at: datetime | None = None
    resolution: str = ""


def report_record(report: DeliveryReport) -> Record:
    """Write a report as a record of `dlr.reports`."""
    return Record(Topic.REPORTS, report.message_id, report.provider, _encode(report))


def inbound_record(message: InboundMessage) -> Record:
    """Write an inbound message as a record of `dlr.inbound`."""
    return Record(Topic.INBOUND, message.message_id, message.provider, _encode(message))


def submission_record(submission: Submission) -> Record:
    """Write a submission as a record of `dlr.submissions`."""
    return Record(Topic.SUBMISSIONS, submission.message_id, submission.provider, _encode(submission))


def dead_letter_record(
    *,
    kind: LetterKind,
    provider: str,
    account: str,
    why: Fault,
    location: str,
    detail: str,
    method: str = "",
    path: str = "",
    query: bytes = b"",
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    received_at: datetime,
) -> Record:
    """
    Write a dead letter as a record of `dlr.dead_letters`; its secrets have to be masked before.

    The id is a hash of the content, and for a record of the stream also of its topic.
    """
    parts = [provider.encode(), account.encode(), method.encode(), query, body]
    if kind is LetterKind.RECORD:
        parts.append(location.encode())
    content = b"\x00".join(parts)
    text, encoding = _as_text(body)
    letter = DeadLetter(
        id=hashlib.blake2b(content, digest_size=16).hexdigest(),
        provider=provider,
        account=account,
        why=why,
        location=location,
        detail=detail,
        method=method,
        path=path,
        query="".join(chr(byte) if byte < _NOT_ASCII else f"%{byte:02X}" for byte in query),
        headers=_as_json(headers or {}),
        body=text,
        body_encoding=encoding,
        received_at=received_at,
        kind=kind,
    )
    return letter_record(letter)


def letter_record(letter: DeadLetter) -> Record:
    """Write a dead letter, or the result of its replay, as a record of `dlr.dead_letters`."""
    return Record(Topic.DEAD_LETTERS, letter.id, letter.provider, _encode(letter))


def _as_text(body: bytes) -> tuple[str, str]:
    try:
        return body.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return base64.b64encode(body).decode("ascii"), "base64"


def _as_json(headers: Mapping[str, str]) -> str:
    readable = {name: value.encode("utf-8", "backslashreplace").decode("utf-8") for name, value in headers.items()}
    return orjson.dumps(readable).decode("utf-8")
