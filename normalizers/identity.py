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

    `words` names the provider's fields that a report's id is made of, beside the names of provider and account;
    `inbound` names those of an inbound message. `because` gives the reason, `document` the section of the provider's
    document. Changing the rule needs a new version: `Parser.identity`.
    """

    words: Sequence[str]
    inbound: Sequence[str] = ()
    because: str
    document: str


def event_id(
    provider: str, account: str, words: Sequence[str], kind: Literal["report", "inbound", "submission"] = "report"
) -> str:
    """
    Return the id of a record: the same for the same record, by whatever path and however often it comes.

    `words` are the provider's, in canonical spelling. The id is the 128-bit BLAKE2b of a JSON array of all arguments,
    which keeps different arguments apart, written like a UUID in lower case.
    """
    digest = blake2b(orjson.dumps((kind, provider, account, *words)), digest_size=16).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:]}"
