"""Advice on the next step for a message."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from normalizers.model import Persistence, Reason

#: Advice for the reasons of failure that somebody can do something about.
_BY_REASON: Final = {
    Reason.INVALID_NUMBER: "correct the number where you got it from; don't send to it again",
    Reason.BLOCKLISTED: "don't send to this number again: it is on a blocklist",
    Reason.SUBSCRIBER_BARRED: "don't send to this number again: its owner has barred such messages",
    Reason.NOT_REGISTERED: "register the sender, signature or template with the provider, then send again",
    Reason.CONTENT_REJECTED: "change the text: the provider or operator takes it for spam or forbids it",
    Reason.INSUFFICIENT_BALANCE: "top up the account at the provider, then send again",
    Reason.SPEND_LIMIT: "raise the spending limit at the provider, then send again",
    Reason.THROTTLED: "send more slowly, then send again",
    Reason.NO_ROUTE: "ask the provider for a route to this country and operator, or use another provider",
    Reason.UNSUPPORTED: "send it in another form (encoding, length, sender): it can't be delivered in this one",
    Reason.ABSENT_SUBSCRIBER: "send again later: the phone is off or out of reach",
    Reason.HANDSET_ERROR: "send again later: the phone's memory is full, or it is busy",
}
_BY_PERSISTENCE: Final = {
    Persistence.TEMPORARY: "send again later: the failure is a passing one",
    Persistence.PERMANENT: "don't send the same message again: the failure will stay",
    Persistence.UNKNOWN: "ask the provider what the failure means before sending again",
}


def advice_for(message: Mapping[str, Any], *, unmapped: bool) -> Iterator[str]:
    """
    Yield advice on a message (a row of `dlr.messages`).

    `unmapped` says that one of its codes is in no table. A report without a submission is remarkable only if its
    account has any submissions (the row's `account_submits`).
    """
    if message["conflict"]:
        yield (
            f"the provider reported two different final states; the message counts as {message['status']}: "
            "ask the provider which one is true"
        )
    if unmapped:
        yield "one of its codes is in no table: ask the provider what it means, and add it to `codes` in the settings"
    if message["orphan"] and message["reports"] and message.get("account_submits"):
        yield (
            "nobody told dlrhub that this message was sent: look whether POST /submissions names the same provider, "
            "account, message_id and recipient"
        )
    if not message["final"]:
        yield _undecided(message)
    elif message["status"] != "delivered":
        yield _failed(message)
    elif not message["conflict"]:
        yield "nothing: it was delivered"


def _failed(message: Mapping[str, Any]) -> str:
    reason = Reason(message["reason"]) if message["reason"] in list(Reason) else Reason.UNKNOWN
    return _BY_REASON.get(reason) or _BY_PERSISTENCE[reason.persistence]


def _undecided(message: Mapping[str, Any]) -> str:
    deadline = str(message["deadline_at"] or "").partition(".")[0]
    if message["missing"]:
        return (
            f"no final report came by {deadline} UTC: ask the provider about this message id, and look whether other "
            "messages of the account get reports"
        )
    if deadline:
        return f"wait: its last report is expected by {deadline} UTC"
    return "wait: the provider has not said yet what became of it"
