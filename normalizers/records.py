"""From what a provider said to a record: adds what every record carries whoever sent it."""

from collections.abc import Sequence
from datetime import date, datetime

from normalizers.codes import Meaning
from normalizers.identity import event_id, inbound_event_id
from normalizers.model import Callback, DeliveryReport, InboundMessage, Note, Status
from normalizers.spelling import NO_DAY


# Every report passes here. Its fields are spelled out, because passing them on by `**` takes a twentieth more time.
def delivery_report(
    callback: Callback,
    *,
    provider: str,
    normalizer: int,
    identity: int,
    said: Sequence[str],
    message_id: str,
    number: tuple[str, str],
    meaning: Meaning,
    provider_status: str,
    occurred_at: datetime | None,
    raw: str,
    supersedes: str | None = None,
    message_stamp: str = "",
    stamp_day: date = NO_DAY,
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

    `said` are the provider's words that make it one report, in canonical spelling, by version `identity` of its rule.
    `number` is the recipient and its country. Where `meaning` is unknown, so is the report's status: that is no error.
    `unmapped` says that the reason of a failure is in no table.
    """
    recipient, country = number
    account = callback.account.name
    code, source = meaning
    return DeliveryReport(
        event_id=event_id(provider, account, said),
        supersedes=supersedes,
        provider=provider,
        account=account,
        message_id=message_id,
        message_stamp=message_stamp,
        reference=reference,
        recipient=recipient,
        country=country,
        operator=operator,
        sender=sender,
        status=Status.UNKNOWN if code is None else code.status,
        reason=None if code is None else code.reason,
        code_source=source,
        provider_status=provider_status,
        provider_code=provider_code,
        provider_text=provider_text,
        occurred_at=occurred_at,
        received_at=callback.received_at,
        source=callback.source,
        custom=custom,
        unmapped=unmapped or code is None,
        notes=notes,
        stamp_day=stamp_day,
        raw=raw,
        normalizer=normalizer,
        identity=identity,
    )


def inbound_message(
    callback: Callback,
    *,
    provider: str,
    normalizer: int,
    identity: int,
    said: Sequence[str],
    message_id: str,
    sender: str,
    recipient: str,
    content: str,
    occurred_at: datetime | None,
    stamp_day: date,
    raw: str,
) -> InboundMessage:
    """Return the inbound message that a provider's fields make; `said` is as in `delivery_report`."""
    account = callback.account.name
    return InboundMessage(
        event_id=inbound_event_id(provider, account, said),
        provider=provider,
        account=account,
        message_id=message_id,
        sender=sender,
        recipient=recipient,
        content=content,
        occurred_at=occurred_at,
        received_at=callback.received_at,
        source=callback.source,
        stamp_day=stamp_day,
        raw=raw,
        normalizer=normalizer,
        identity=identity,
    )
