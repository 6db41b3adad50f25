"""Descriptions of the records' fields, for the published schemas."""

from collections.abc import Mapping
from typing import Final

from sinks.stream import Topic

#: Title and description of each kind of record.
RECORDS: Final[Mapping[Topic, tuple[str, str]]] = {
    Topic.REPORTS: (
        "Delivery report",
        "One report on one message to one recipient. A report that is delivered twice has the same event_id: count by it.",
    ),
    Topic.INBOUND: (
        "Inbound message",
        "One message from a phone (MO). A message that is delivered twice has the same event_id: count by it.",
    ),
    Topic.DEAD_LETTERS: (
        "Dead letter",
        "A callback, or an item of one, that could not be read, with its secrets masked. Repetitions have the same id.",
    ),
    Topic.SUBMISSIONS: (
        "Submission",
        "One message to one recipient that was handed to a provider. A submission that is told twice has the same event_id.",
    ),
}

#: Fields that mean the same in every record.
FIELDS: Final[Mapping[str, str]] = {
    "event_id": "Identifies the event: the same however often and by whatever path it arrives.",
    "provider": "The provider's name, such as `cm`.",
    "account": "The account at the provider.",
    "message_id": "The provider's id of the message, and the record's key; empty if the provider gave none.",
    "reference": "The sender's own reference; empty if there is none.",
    "recipient": "E.164 with `+`, or as it came if it can't be read.",
    "country": "Country of the recipient, ISO 3166-1 alpha-2, or empty.",
    "received_at": "When dlrhub received it, in UTC.",
    "source": "How it reached dlrhub.",
    "raw": "The item as text, of which the provider's parser makes the same record again.",
    "normalizer": "Version of the provider's code table and parser that read it.",
    "identity": "Version of the rule by which event_id follows from the provider's words.",
    "revision": "How often it was read again from raw: 0 as it was first read.",
    "stamp_day": "Day of the time stamp that event_id is made of, as the provider wrote it; 1970-01-01 if there is none.",
}

#: Fields that one kind of record has alone, or with a meaning of its own.
TOPIC_FIELDS: Final[Mapping[Topic, Mapping[str, str]]] = {
    Topic.REPORTS: {
        "supersedes": "The event_id of a poll's answer that tells the same with less detail and does not count beside this report, or null.",
        "message_stamp": "The time that tells messages with one message_id apart (CM), in canonical spelling; else empty.",
        "operator": "The operator as the provider names it, or empty.",
        "sender": "The sender's address or number, or empty.",
        "status": "State of the message, after SMPP's message states.",
        "reason": "Why the message failed; null if it did not.",
        "code_source": "The table that tells what the code means: the document's, SMPP's words, the settings'; empty if none does.",
        "provider_status": "The provider's status, as it came.",
        "provider_code": "The provider's error code, as it came, or empty.",
        "provider_text": "The provider's text, as it came, or empty.",
        "occurred_at": "The provider's time of the report, in UTC; null if it gives none.",
        "custom": "JSON that the customer attached to the message, or null.",
        "unmapped": "Whether the provider's code is in no table of dlrhub.",
        "notes": "Oddities of the report.",
        "revision": "0 as first read; a higher number was read again with a newer table.",
    },
    Topic.INBOUND: {
        "sender": "The phone's number: E.164 with `+`, or as it came if it can't be read.",
        "recipient": "The number or code that it was sent to.",
        "content": "The text.",
        "occurred_at": "The provider's time of the message, in UTC; null if it gives none.",
    },
    Topic.DEAD_LETTERS: {
        "id": "A hash of the content, and the record's key.",
        "provider": "The provider's name; empty if it is not known.",
        "account": "The account at the provider; empty if it is not known.",
        "why": "The kind of fault.",
        "location": "Where in the payload the fault is, such as `$[2].mid`.",
        "detail": "What is wrong there.",
        "method": "The HTTP method, or empty.",
        "path": "The path of the URL without its secret, or empty.",
        "query": "The raw query string, or empty.",
        "headers": "The headers: a JSON object, as text.",
        "body": "The body, encoded as `body_encoding` says.",
        "body_encoding": "`utf-8` if the body is text, else `base64`.",
        "kind": "What the body is: a whole callback, one item of it, a whole answer to a poll, or a value of the stream.",
        "resolved_at": "When a replay could read the letter; null in a receipt.",
        "resolution": "What a replay made of the letter; empty in a receipt.",
    },
    Topic.SUBMISSIONS: {
        "submitted_at": "When it was handed to the provider, in UTC.",
        "deadline_at": "When its last report may still come, in UTC.",
        "tags": "The customer's own tags.",
    },
}
