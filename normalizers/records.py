"""From what a provider said to a record: adds what every record carries whoever sent it."""

from datetime import datetime
from typing import NotRequired, TypedDict, Unpack

from normalizers.identity import event_id, inbound_event_id
from normalizers.model import Callback, Code, DeliveryReport, InboundMessage, Note, Status


class _Report(TypedDict):
    """Fields of a report that a provider fills by itself; what it leaves out has the record's default."""

    provider: str
    message_id: str
    reference: NotRequired[str]
    operator: NotRequired[str]
    sender: NotRequired[str]
    provider_status: str
    provider_code: NotRequired[str]
    provider_text: NotRequired[str]
    occurred_at: datetime | None
    custom: NotRequired[object]
    notes: NotRequired[tuple[Note, ...]]
    raw: str
    normalizer: int


class _Inbound(TypedDict):
    """Fields of an inbound message that a provider fills by itself."""

    provider: str
    message_id: str
    sender: str
    recipient: str
    content: str
    occurred_at: datetime | None


def delivery_report(
    callback: Callback,
    *,
    number: tuple[str, str],
    code: Code | None,
    unmapped: bool = False,
    **said: Unpack[_Report],
) -> DeliveryReport:
    """
    Return the report that a provider's fields make.

    `number` is the recipient and its country. `code` is what the provider's code means, None where it is in no table
    of ours: the report's status is then unknown, never an error and never a guess. `unmapped` says that the reason of
    a failure is in no table of ours.
    """
    recipient, country = number
    return DeliveryReport(
        event_id=event_id(
            provider=said["provider"],
            account=callback.account.name,
            message_id=said["message_id"],
            recipient=recipient,
            provider_status=said["provider_status"],
            provider_code=said.get("provider_code", ""),
            occurred_at=said["occurred_at"],
        ),
        account=callback.account.name,
        recipient=recipient,
        country=country,
        status=Status.UNKNOWN if code is None else code.status,
        reason=None if code is None else code.reason,
        received_at=callback.received_at,
        source=callback.source,
        unmapped=unmapped or code is None,
        **said,
    )


def inbound_message(callback: Callback, *, raw: str, **said: Unpack[_Inbound]) -> InboundMessage:
    """Return the inbound message that a provider's fields make."""
    return InboundMessage(
        event_id=inbound_event_id(account=callback.account.name, **said),
        account=callback.account.name,
        received_at=callback.received_at,
        source=callback.source,
        raw=raw,
        **said,
    )
