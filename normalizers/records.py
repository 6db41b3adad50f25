"""Builds a delivery report from a provider's fields and its callback."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple, TypedDict, Unpack

from normalizers.codes import CodeMeaning
from normalizers.identity import event_id
from normalizers.model import Callback, DeliveryReport, Note, Status


class Parser(NamedTuple):
    """
    The name and versions of a provider's parser, which every record carries.

    Raise `version` with every change of the parser or its code tables that changes records, and `identity` with every
    change of the rule of identity.
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
    words: Sequence[str],
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
    Return a delivery report.

    `words` are the provider's words that its event id is made of, in canonical spelling. `number` is the recipient and
    its country. A `meaning` without a code gives the status `unknown`, which is no error. `unmapped` says that the
    error code of a failure is in no table.
    """
    code, code_source = meaning
    recipient, country = number
    return DeliveryReport(
        event_id=event_id(parser.provider, callback.account.name, words),
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
