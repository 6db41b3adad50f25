"""
The identity of a report: an id that is made of what the provider said, and of nothing else.

Each provider's file states its rule: which of its words, and why. The words come in canonical spelling
(`normalizers.spelling`), so that a provider's next attempt to deliver the same report has the same id, whatever was
changed in the meantime in the settings, the code tables, the phone number data or the parser.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import orjson


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """
    A provider's rule of what makes one report.

    `words` names the provider's fields that the id of a report is made of, beside the names of provider and account;
    `inbound` those of an inbound message, where the provider has such. `because` gives the reason, `document` the
    section of the provider's document. Records carry `version`: a new one says that ids are made in another way.
    """

    version: int
    words: Sequence[str]
    inbound: Sequence[str] = ()
    because: str
    document: str


def event_id(provider: str, account: str, said: Sequence[str]) -> str:
    """
    Return the id of a report: the same for the same report, by whatever path and however often it comes.

    It is the 128-bit BLAKE2b of a JSON array of the arguments, which no two different lists of them share, written
    like a UUID in lower case. `said` are the provider's words in canonical spelling.
    """
    return _digest(("report", provider, account, *said))


def inbound_event_id(provider: str, account: str, said: Sequence[str]) -> str:
    """Return the id of an inbound message, made like a report's and never equal to one."""
    return _digest(("inbound", provider, account, *said))


def submission_event_id(*, provider: str, account: str, message_id: str, recipient: str) -> str:
    """Return the id of a submission, made like a report's and never equal to one."""
    return _digest(("submission", provider, account, message_id, recipient))


def _digest(said: tuple[str, ...]) -> str:
    digest = blake2b(orjson.dumps(said), digest_size=16).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:]}"
