"""What a report's code means: in the provider's words, and in ours."""

from dataclasses import dataclass
from typing import Final

from normalizers import PROVIDERS
from normalizers.codes import find_meaning
from normalizers.model import Reason, Status
from normalizers.provider import Provider

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
    said = [] if provider not in PROVIDERS else _said(PROVIDERS[provider], provider_status, provider_code)
    persistence = Reason(reason).persistence if reason in list(Reason) else ""
    return Meaning("; ".join(said), _STATUS.get(Status(status), "") if status in list(Status) else "", persistence)


def _said(provider: Provider, status: str, code: str) -> list[str]:
    """Return what the provider's document, or SMPP, says of a report's code, and of its error code."""
    word = (code or status) if provider.speaks_smpp else ""
    found = [find_meaning(provider.code_of(status, code), provider.codes, None, state=word).code]
    if provider.reasons is not None:
        found.append(provider.reasons.find(code))
    return [
        f"{row.meaning} ({row.english})" if row.english and row.english != row.meaning else row.meaning
        for row in found
        if row is not None
    ]
