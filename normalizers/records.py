"""Makes delivery reports of a provider's fields, and adds the fields that every record has."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple, TypedDict, Unpack

from normalizers.codes import CodeMeaning
from normalizers.identity import event_id
from normalizers.model import Callback, DeliveryReport, Note, Status


class Parser(NamedTuple):
    """
    The reader of a provider's records.

    `version` is that of its parser and code tables: raise it with every change of the records that they make.
    `identity` is the version of its rule of identity. Every record has both.
    """

    provider: str
    version: int
    identity: int


class Details(TypedDict, total=False):
    """Fields that not every provider has; a report without one has the default of `DeliveryReport`."""

    supersedes: str | None
    message_stamp: str
    stamp_day: date
    reference: str
    operator: str
    sender: str
    provider_code: str
    provider_text: str
    custom: object
    notes: tuple[Note, ...]


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
    **details: Unpack[Details],
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
        provider=parser.provider,
        account=callback.account.name,
        message_id=message_id,
        recipient=recipient,
        country=country,
        status=Status.UNKNOWN if code is None else code.status,
        reason=None if code is None else code.reason,
        code_source=code_source,
        provider_status=provider_status,
        occurred_at=occurred_at,
        received_at=callback.received_at,
        source=callback.source,
        unmapped=unmapped or code is None,
        raw=raw,
        normalizer=parser.version,
        identity=parser.identity,
        **details,
    )
