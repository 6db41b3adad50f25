"""
The identity of a report: an id that is made of the provider's words alone.

Each provider's file states its rule: which of its words, and why. The words come in canonical spelling
(`normalizers.spelling`), so that a provider's next attempt to deliver the same report has the same id, whatever was
changed in the meantime in the settings, the code tables, the phone number data or the parser.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

import orjson


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """
    A provider's rule for which items are one and the same report.

    `words` names the provider's fields that the id of a report is made of, beside the names of provider and account;
    `inbound` those of an inbound message, where the provider has such. `because` gives the reason, `document` the
    section of the provider's document. Its version is `Parser.identity`: a new one says that ids are made in another way.
    """

    words: Sequence[str]
    inbound: Sequence[str] = ()
    because: str
    document: str


def event_id(
    provider: str, account: str, said: Sequence[str], kind: Literal["report", "inbound", "submission"] = "report"
) -> str:
    """
    Return the id of a record: the same for the same record, by whatever path and however often it comes.

    It is the 128-bit BLAKE2b of a JSON array of the arguments, which no two different lists of them share, written
    like a UUID in lower case. `said` are the provider's words in canonical spelling; records of two kinds never have
    the same id.
    """
    digest = blake2b(orjson.dumps((kind, provider, account, *said)), digest_size=16).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:]}"
