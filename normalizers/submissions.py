"""
Submissions: the messages that the customer's own program has sent, as it tells us in JSON.

Their recipient and message id are brought into the form that the provider's reports will have.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from normalizers import read
from normalizers.errors import Fault, MalformedError
from normalizers.identity import event_id
from normalizers.model import Account
from normalizers.msisdn import read_number
from normalizers.privacy import KEEP_ALL, Privacy
from normalizers.provider import Provider

_FIELDS: Final = frozenset({"provider", "account", "message_id", "recipient", "reference", "submitted_at", "tags"})
_LONGEST: Final = 512
_MOST_TAGS: Final = 64


class Submission(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """
    One message to one recipient that was handed to a provider. The fields are the columns of `dlr.submissions`.

    `event_id` is made of provider, account, message_id and recipient. `recipient` is E.164 with `+`, or as it came if it
    can't be read. No report is expected after `deadline_at`. `tags` are the customer's.
    """

    event_id: str
    provider: str
    account: str
    message_id: str
    recipient: str
    country: str
    reference: str
    submitted_at: datetime
    deadline_at: datetime
    received_at: datetime
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmittingAccount:
    """
    An account that submissions may name.

    `reading` has the account's settings for the parser. `reports_within` is how long after a submission its last report
    may come. `privacy` keeps the recipient in the form in which the message's reports have it.
    """

    provider: Provider
    reading: Account
    reports_within: timedelta
    privacy: Privacy = KEEP_ALL

    @property
    def name(self) -> str:
        """The account's name, unique among its provider's accounts."""
        return self.reading.name

    @property
    def key(self) -> tuple[str, str]:
        """The names of provider and account, as they label metrics and rows."""
        return self.provider.name, self.name


#: By provider and account name.
SubmittingAccounts = Mapping[tuple[str, str], SubmittingAccount]


def read_submissions(
    body: bytes, senders: SubmittingAccounts, received_at: datetime
) -> list[Submission | MalformedError]:
    """
    Read an array of submissions, or a lone one; a submission that can't be read is replaced by its error.

    Raises `MalformedError` if it is no JSON array or object.
    """
    return [_each(where, element, senders, received_at) for where, element in read.json_elements(body)]


def _each(
    where: str, element: msgspec.Raw, senders: SubmittingAccounts, received_at: datetime
) -> Submission | MalformedError:
    try:
        return read_submission(element, senders, received_at, where)
    except MalformedError as error:
        return error


def read_submission(
    raw: bytes | msgspec.Raw, senders: SubmittingAccounts, received_at: datetime, where: str = "$"
) -> Submission:
    """Read one submission; `submitted_at` is by default the time of receipt. Raises `MalformedError`."""
    fields = read.json_object(raw, where)
    unknown = sorted(fields.keys() - _FIELDS)
    if unknown:
        raise MalformedError(Fault.BAD_VALUE, f"{where}.{unknown[0][:64]}", "is no field of a submission")
    sender = _sender(fields, senders, where)
    submitted_at = _time(fields, "submitted_at", where) or received_at
    message_id, reference = _message_id(fields, sender.provider, where), _text(fields, "reference", where)
    recipient, country = _recipient(fields, sender, where)
    provider, account = sender.key
    return Submission(
        event_id=sender.privacy.event_id(event_id(provider, account, (message_id, recipient), "submission")),
        provider=provider,
        account=account,
        message_id=message_id,
        recipient=sender.privacy.number(recipient),
        country=country,
        reference=reference,
        submitted_at=submitted_at,
        deadline_at=submitted_at + sender.reports_within,
        received_at=received_at,
        tags=dict(_tags(fields, where)),
    )


def _sender(fields: read.Fields, senders: SubmittingAccounts, where: str) -> SubmittingAccount:
    provider = read.filled(fields, "provider", where)
    account = read.optional(fields, "account", where) or "default"
    sender = senders.get((provider, account))
    if sender is not None:
        return sender
    if any(provider == known for known, _ in senders):
        raise MalformedError(Fault.BAD_VALUE, f"{where}.account", f"is no account of {provider}")
    raise MalformedError(Fault.BAD_VALUE, f"{where}.provider", "is no provider that has an account")


def _message_id(fields: read.Fields, provider: Provider, where: str) -> str:
    """Return the id that reports will name: the customer's reference, if the provider sends that back."""
    reference = _text(fields, "reference", where) if provider.known_by_reference else ""
    message_id = reference or _text(fields, "message_id", where)
    if not message_id:
        raise MalformedError(Fault.MISSING_FIELD, f"{where}.message_id", "is missing")
    return message_id


def _recipient(fields: read.Fields, sender: SubmittingAccount, where: str) -> tuple[str, str]:
    home = sender.provider.home
    number = _text(fields, "recipient", where)
    if not number:
        raise MalformedError(Fault.MISSING_FIELD, f"{where}.recipient", "is missing")
    return read_number(number, default_region=sender.reading.default_region or home, international=home is None)


def _text(fields: read.Fields, name: str, where: str) -> str:
    text = read.optional(fields, name, where)
    if len(text) > _LONGEST:
        raise MalformedError(Fault.BAD_VALUE, f"{where}.{name}", f"is longer than {_LONGEST} characters")
    return text


def _time(fields: read.Fields, name: str, where: str) -> datetime | None:
    text = read.optional(fields, name, where)
    if not text:
        return None
    at = _aware(text)
    if at is None or not read.FIRST_YEAR <= at.year < read.LAST_YEAR:
        raise MalformedError(
            Fault.BAD_VALUE, f"{where}.{name}", "is no time with its offset, such as 2026-11-20T12:00:00Z"
        )
    return at


def _aware(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
        return None if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _tags(fields: read.Fields, where: str) -> Iterator[tuple[str, str]]:
    tags: Any = fields.get("tags")
    if tags is None:
        return
    if not isinstance(tags, dict) or len(tags) > _MOST_TAGS:
        raise MalformedError(Fault.BAD_VALUE, f"{where}.tags", f"is no object of up to {_MOST_TAGS} texts")
    for name, value in tags.items():
        if not isinstance(value, str) or len(name) > _LONGEST or len(value) > _LONGEST:
            raise MalformedError(
                Fault.BAD_VALUE, f"{where}.tags.{name[:64]}", f"is no text of up to {_LONGEST} characters"
            )
        yield name, value
