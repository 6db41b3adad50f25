"""Makes delivery reports of a provider's fields, and adds the fields that every record has."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from normalizers.codes import CodeMeaning
from normalizers.identity import event_id
from normalizers.model import Callback, DeliveryReport, Note, Status
from normalizers.spelling import NO_DAY


class Parser(NamedTuple):
    """
    The reader of a provider's records.

    `version` is that of its parser and code tables: raise it with every change of the records that they make.
    `identity` is the version of its rule of identity. Every record has both.
    """

    provider: str
    version: int
    identity: int


def delivery_report(
    callback: Callback,
    parser: Parser,
    *,
    said: Sequence[str],
    message_id: str,
    number: tuple[str, str],
    meaning: CodeMeaning,
    provider_status: str,
    occurred_at: datetime | None,
    raw: str,
    unmapped: bool = False,
    supersedes: str | None = None,
    message_stamp: str = "",
    stamp_day: date = NO_DAY,
    reference: str = "",
    operator: str = "",
    sender: str = "",
    provider_code: str = "",
    provider_text: str = "",
    custom: object = None,
    notes: tuple[Note, ...] = (),
) -> DeliveryReport:
    """
    Return the report that a provider's fields make.

    `said` are the provider's words that make it one report, in canonical spelling. `number` is the recipient and its
    country. An unknown `meaning` gives an unknown status: that is no error. `unmapped` says that the reason of
    a failure is in no table.
    """
    code, code_source = meaning
    recipient, country = number
    return DeliveryReport(
        event_id=event_id(parser.provider, callback.account.name, said),
        supersedes=supersedes,
        provider=parser.provider,
        account=callback.account.name,
        message_id=message_id,
        message_stamp=message_stamp,
        reference=reference,
        recipient=recipient,
        country=country,
        operator=operator,
        sender=sender,
        status=Status.UNKNOWN if code is None else code.status,
        reason=None if code is None else code.reason,
        code_source=code_source,
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
        normalizer=parser.version,
        identity=parser.identity,
    )
