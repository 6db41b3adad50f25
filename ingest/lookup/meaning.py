"""Explains a report's code: in the provider's words, in English, and in dlrhub's terms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from normalizers import PROVIDERS
from normalizers.codes import find_meaning
from normalizers.model import Code, CodeSource, Reason, Status

_STATUS: Final = {
    Status.UNKNOWN: "the state of the message is not known",
    Status.SCHEDULED: "the message waits at the provider",
    Status.ACCEPTED: "the provider or operator took the message in; the outcome is to come",
    Status.ENROUTE: "the message is on its way",
    Status.EXPIRED: "the message could not be delivered in time",
    Status.DELETED: "the message was deleted before delivery",
    Status.UNDELIVERABLE: "the message could not be delivered",
    Status.REJECTED: "the message was refused",
    Status.DELIVERED: "the message reached the phone",
}


#: Which table a status comes from, by `code_source` of a report.
_SOURCES: Final = {
    CodeSource.DOCUMENT: "the provider's document",
    CodeSource.SMPP: "SMPP 3.4, appendix B: the provider passes on the word, and its document does not list it",
    CodeSource.SETTINGS: "`codes` of the account, in the settings",
}


@dataclass(frozen=True, slots=True)
class Meaning:
    """
    A report's meaning in words.

    `provider` is the text in the provider's document (empty if the code is in no table), `english` its translation if
    the document is in another language, `ours` our status in words. `persistence` says whether sending a failed message
    again can help, `source` which table the status comes from.
    """

    provider: str
    english: str
    ours: str
    persistence: str
    source: str


def meaning_of(report: Mapping[str, Any]) -> Meaning:
    """Return the meaning of a stored report: a row of `dlr.reports`, or any other with its columns of codes."""
    found = _codes(report)
    status, reason, source = report["status"], report["reason"], report.get("code_source", "")
    return Meaning(
        provider="; ".join(dict.fromkeys(code.meaning for code in found)),
        english="; ".join(dict.fromkeys(code.english for code in found if code.english not in {"", code.meaning})),
        ours=_STATUS[Status(status)] if status in list(Status) else "",
        persistence=Reason(reason).persistence if reason in list(Reason) else "",
        source=_SOURCES.get(CodeSource(source), "") if source in list(CodeSource) else "",
    )


def _codes(report: Mapping[str, Any]) -> Sequence[Code]:
    """Return the rows of the code tables (the provider's document, or SMPP) for a report's code and its error code."""
    provider = PROVIDERS.get(report["provider"])
    if provider is None:
        return ()
    status, code = report["provider_status"], report["provider_code"]
    word = (code or status) if provider.speaks_smpp else ""
    found = [find_meaning(provider.code_of(status, code), provider.codes, None, state=word).code]
    if provider.reasons is not None:
        found.append(provider.reasons.find(code))
    return [known for known in found if known is not None]
