"""The columns that may hold a person's phone number, by topic; the erasure of a person searches them."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from sinks.stream import Topic


class PersonalColumns(NamedTuple):
    """A record is erased if one of `numbers` is the person's number; in `texts` the number is redacted."""

    numbers: tuple[str, ...]
    texts: tuple[str, ...]


PERSONAL: Final[Mapping[Topic, PersonalColumns]] = {
    Topic.REPORTS: PersonalColumns(
        ("recipient",),
        ("reference", "sender", "operator", "provider_status", "provider_code", "provider_text", "custom", "raw"),
    ),
    Topic.INBOUND: PersonalColumns(("sender", "recipient"), ("message_id", "content", "raw")),
    Topic.SUBMISSIONS: PersonalColumns(("recipient",), ("reference", "tags")),
    #: `resolution` is part of the table's sort key, so that it can't be redacted.
    Topic.DEAD_LETTERS: PersonalColumns(("resolution",), ("query", "headers", "detail", "body")),
}
