"""The columns of each topic's records that may hold a person's phone number: what an erasure looks at."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from sinks.stream import Topic


class PersonalColumns(NamedTuple):
    """A record is erased where one of `numbers` spells the number; in each of `texts` the number is redacted."""

    numbers: tuple[str, ...]
    texts: tuple[str, ...]


PERSONAL: Final[Mapping[Topic, PersonalColumns]] = {
    Topic.REPORTS: PersonalColumns(
        ("recipient",),
        ("reference", "sender", "operator", "provider_status", "provider_code", "provider_text", "custom", "raw"),
    ),
    Topic.INBOUND: PersonalColumns(("sender", "recipient"), ("message_id", "content", "raw")),
    Topic.SUBMISSIONS: PersonalColumns(("recipient",), ("reference", "tags")),
    #: The result of a replay is a record of its own, and its `resolution` a part of the sort key.
    Topic.DEAD_LETTERS: PersonalColumns(("resolution",), ("query", "headers", "detail", "body")),
}
