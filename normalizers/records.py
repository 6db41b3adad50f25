"""From what a provider said to a record: adds what every record carries whoever sent it."""

from datetime import datetime
from typing import TypedDict, Unpack

from normalizers.identity import event_id, inbound_event_id
from normalizers.model import Callback, Code, DeliveryReport, InboundMessage, Note, Status


class _Inbound(TypedDict):
    """Fields of an inbound message that a provider fills by itself."""

    provider: str
    message_id: str
    sender: str
    recipient: str
    content: str
    occurred_at: datetime | None


# Spelled out, since every report passes here: `**said`, as below, would cost each a twentieth more.
def delivery_report(
    callback: Callback,
    *,
    provider: str,
    normalizer: int,
    message_id: str,
    number: tuple[str, str],
    code: Code | None,
    provider_status: str,
    occurred_at: datetime | None,
    raw: str,
    reference: str = "",
    operator: str = "",
    sender: str = "",
    provider_code: str = "",
    provider_text: str = "",
    custom: object = None,
    unmapped: bool = False,
    notes: tuple[Note, ...] = (),
) -> DeliveryReport:
    """
    Return the report that a provider's fields make.

    `number` is the recipient and its country. `code` is what the provider's code means, None where it is in no table
    of ours: the report's status is then unknown, never an error and never a guess. `unmapped` says that the reason of
    a failure is in no table of ours.
    """
    recipient, country = number
    account = callback.account.name
    return DeliveryReport(
        event_id=event_id(
            provider=provider,
            account=account,
            message_id=message_id,
            recipient=recipient,
            provider_status=provider_status,
            provider_code=provider_code,
            occurred_at=occurred_at,
        ),
        provider=provider,
        account=account,
        message_id=message_id,
        reference=reference,
        recipient=recipient,
        country=country,
        operator=operator,
        sender=sender,
        status=Status.UNKNOWN if code is None else code.status,
        reason=None if code is None else code.reason,
        provider_status=provider_status,
        provider_code=provider_code,
        provider_text=provider_text,
        occurred_at=occurred_at,
        received_at=callback.received_at,
        source=callback.source,
        custom=custom,
        unmapped=unmapped or code is None,
        notes=notes,
        raw=raw,
        normalizer=normalizer,
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
