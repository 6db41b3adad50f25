"""What a report's code means: in the provider's words, and in ours."""

from dataclasses import dataclass
from typing import Final

from normalizers import PROVIDERS
from normalizers.model import CodeTable, Reason, Status

_STATUS: Final = {
    Status.UNKNOWN: "it is not known what became of the message",
    Status.SCHEDULED: "the message waits at the provider",
    Status.ACCEPTED: "the provider or operator took the message in; the outcome is to come",
    Status.ENROUTE: "the message is on its way",
    Status.EXPIRED: "the message could not be delivered in time",
    Status.DELETED: "the message was deleted before delivery",
    Status.UNDELIVERABLE: "the message could not be delivered",
    Status.REJECTED: "the message was refused",
    Status.DELIVERED: "the message reached the phone",
}


@dataclass(frozen=True, slots=True)
class Meaning:
    """
    What a report says.

    `provider` is what the provider's document says of its code, empty for a code that is in no table; `ours` is our
    status in words; `persistence` says whether sending again can help, where the message failed.
    """

    provider: str
    ours: str
    persistence: str


def meaning_of(provider: str, status: str, reason: str, provider_status: str, provider_code: str) -> Meaning:
    """Return what a stored report says; its fields are the columns of `dlr.reports`."""
    known = PROVIDERS.get(provider)
    tables = [] if known is None else [(known.codes, provider_status), (known.codes, provider_code)]
    if known is not None and known.reasons is not None:
        tables.append((known.reasons, provider_code))
    said = dict.fromkeys(text for table, code in tables if (text := _said(table, code)))
    persistence = Reason(reason).persistence if reason in list(Reason) else ""
    return Meaning("; ".join(said), _STATUS.get(Status(status), "") if status in list(Status) else "", persistence)


def _said(table: CodeTable, code: str) -> str:
    found = table.find(code) if code else None
    return "" if found is None else found.meaning
