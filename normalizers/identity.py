"""What makes two reports the same report: an id that is derived from what the provider said, and from nothing else."""

from datetime import datetime
from hashlib import blake2b

import orjson


def event_id(
    *,
    provider: str,
    account: str,
    message_id: str,
    recipient: str,
    provider_status: str,
    provider_code: str,
    occurred_at: datetime | None,
) -> str:
    """
    Return the id of a report: the same for the same report, by whatever path and however often it comes.

    It is the 128-bit BLAKE2b of a JSON array of the arguments, which no two different lists of them share, written
    like a UUID in lower case. `occurred_at` is in UTC.
    """
    said = ("report", provider, account, message_id, recipient, provider_status, provider_code, occurred_at)
    return _digest(said)


def inbound_event_id(
    *,
    provider: str,
    account: str,
    message_id: str,
    sender: str,
    recipient: str,
    content: str,
    occurred_at: datetime | None,
) -> str:
    """Return the id of an inbound message, made like a report's and never equal to one."""
    return _digest(("inbound", provider, account, message_id, sender, recipient, content, occurred_at))


def submission_event_id(*, provider: str, account: str, message_id: str, recipient: str) -> str:
    """Return the id of a submission, made like a report's and never equal to one."""
    return _digest(("submission", provider, account, message_id, recipient))


def _digest(said: tuple[str | datetime | None, ...]) -> str:
    digest = blake2b(orjson.dumps(said), digest_size=16).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:]}"
