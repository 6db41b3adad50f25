"""
CM.com: one report a callback, by GET or by POST.

Source: "CM Messaging API", section 5 (status reports: four states, POST JSON, GET with parameters that the customer
names). The error codes are of an older CM document, docs.cm.nl/http_SR.pdf, section 4, as transcribed by others: the
newer one lists none. CM repeats a callback that is not answered 2xx for up to seven days. The parameters of the GET are
also read from the URL of a POST, and from a form.

A callback has no id of CM's own, so that `message_id` is the customer's REFERENCE. CREATED_S (`received` in a POST) is
when the message was created. It is the same in all reports on a message, and so tells messages apart whose REFERENCE is
empty or shared.
"""

from collections.abc import Sequence
from datetime import UTC
from typing import Final, NamedTuple

import msgspec

from normalizers import read
from normalizers.codes import find_meaning, refine
from normalizers.errors import Fault, MalformedError
from normalizers.identity import Identity
from normalizers.model import Account, Callback, Code, CodeTable, DeliveryReport, Item, Note, Reason, Status, error_code
from normalizers.msisdn import read_number
from normalizers.provider import Provider
from normalizers.records import Parser, delivery_report
from normalizers.spelling import spell_code, spell_number, spell_stamp

PARSER: Final = Parser("cm", version=1, identity=1)

CODES: Final = CodeTable(
    {
        "0": Code(Status.ACCEPTED, None, "被 CM 或运营商接收成功", "Accepted by CM or the operator"),
        "1": Code(Status.REJECTED, Reason.UNKNOWN, "被 CM 或运营商拒绝", "Refused by CM or the operator"),
        "2": Code(Status.DELIVERED, None, "送达成功", "Delivered"),
        "3": Code(Status.UNDELIVERABLE, Reason.UNKNOWN, "失败", "Failed"),
    },
    document="CM Messaging API, section 5",
)


ERRORS: Final = CodeTable(
    {
        "5": error_code(Reason.UNKNOWN, "not delivered; no further detail"),
        "7": error_code(
            Reason.INSUFFICIENT_SUBSCRIBER_CREDIT, "not yet delivered for lack of subscriber credit; being retried"
        ),
        "8": error_code(Reason.EXPIRED, "expired in the SMSC without a reason"),
        "20": error_code(Reason.UNSUPPORTED, "cannot be delivered in this form"),
        "21": error_code(Reason.INSUFFICIENT_SUBSCRIBER_CREDIT, "not delivered for lack of subscriber credit"),
        "22": error_code(
            Reason.INSUFFICIENT_SUBSCRIBER_CREDIT, "not delivered: subscriber credit too low at the pre-check"
        ),
        "23": error_code(Reason.INVALID_NUMBER, "number wrong or invalid or barred"),
        "24": error_code(Reason.ABSENT_SUBSCRIBER, "subscriber temporarily absent"),
        "25": error_code(Reason.NETWORK_ERROR, "temporary network failure"),
        "26": error_code(Reason.HANDSET_ERROR, "temporary handset failure (memory full or busy)"),
        "27": error_code(Reason.HANDSET_ERROR, "handset incompatible"),
        "28": error_code(Reason.CONTENT_REJECTED, "suspected spam"),
        "29": error_code(Reason.CONTENT_REJECTED, "content not allowed"),
        "30": error_code(Reason.SPEND_LIMIT, "subscriber spend limit reached"),
        "31": error_code(Reason.INSUFFICIENT_SUBSCRIBER_CREDIT, "subscriber cannot be billed"),
        "33": error_code(Reason.SUBSCRIBER_BARRED, "parental lock"),
        "34": error_code(Reason.SUBSCRIBER_BARRED, "age check failed"),
        "35": error_code(Reason.PROVIDER_ERROR, "age check not done"),
        "36": error_code(Reason.PROVIDER_ERROR, "age check communication error"),
        "37": error_code(Reason.BLOCKLISTED, "national blocklist"),
    },
    document="docs.cm.nl/http_SR.pdf, section 4",
)

#: The document spells the parameter of the error text in the second and third way, CM's site in the first.
_ERROR_TEXTS: Final = ("STANDARDERRORTEXT", "STANDARDERRORTXT", "STANDARDERRORTTEXT")
_PARAMETERS: Final = frozenset(
    {"CREATED_S", "DATETIME_S", "GSM", "REFERENCE", "STATUS", "STATUSDESCRIPTION", "OPERATOR", *_ERROR_TEXTS}
)


class _ReportFields(NamedTuple):
    """The fields of one report, by GET or by POST; `created` is CREATED_S, `reported` DATETIME_S."""

    status: str
    number: str
    reference: str
    operator: str
    error_code: str
    error_text: str
    created: str
    reported: str


def parse(callback: Callback) -> Sequence[Item]:
    """Read the parameters of a GET, of a form or of a POST's URL, or the messages of a JSON POST."""
    content = read.without_mark(callback.body).strip()
    is_empty = bool(callback.query) and content in {b"{}", b"[]"}
    if callback.method != "POST" or is_empty or not read.holds_json(content):
        encoded, where = _encoded(callback)
        return [_from_parameters(callback, encoded, where)]
    messages = read.json_members(read.member(read.json_members(read.body(callback)), "messages"), "$.messages")
    elements = read.json_elements(read.member(messages, "msg", "$.messages"), "$.messages.msg")
    if not elements:
        raise MalformedError(Fault.MISSING_FIELD, "$.messages.msg", "is an empty list")
    return read.each(elements, lambda where, element: _from_message(callback, where, element))


def _encoded(callback: Callback) -> tuple[bytes, str]:
    """Return a callback's parameters; a body without any of them is read as JSON, whose error names the fault."""
    encoded, where = read.parameters(callback)
    if where == "body" and _PARAMETERS.isdisjoint(_fields(callback.account, encoded)):
        read.json_object(read.body(callback))
    return encoded, where


def _fields(account: Account, encoded: bytes) -> read.Fields:
    """Return the parameters by the document's names, which the account may have renamed, in upper case."""
    fields = read.pairs(encoded)
    if not fields.keys() <= _PARAMETERS:
        fields = {name.upper(): value for name, value in fields.items()}
    if account.fields:
        names = {ours.upper(): theirs.upper() for ours, theirs in account.fields.items()}
        fields |= {ours: fields[theirs] for ours, theirs in names.items() if theirs in fields}
    return fields


def _from_parameters(callback: Callback, encoded: bytes, where: str) -> DeliveryReport:
    fields = _fields(callback.account, encoded)
    if fields.keys().isdisjoint(_PARAMETERS):
        raise MalformedError(Fault.EMPTY, where, "has none of the parameters of a report")
    values = _ReportFields(
        status=read.filled(fields, "STATUS", where),
        number=read.filled(fields, "GSM", where),
        reference=read.optional(fields, "REFERENCE", where),
        operator=read.optional(fields, "OPERATOR", where),
        error_code=read.optional(fields, "STATUSDESCRIPTION", where),
        error_text=_error_text(fields, _ERROR_TEXTS, where),
        created=read.optional(fields, "CREATED_S", where),
        reported=read.optional(fields, "DATETIME_S", where),
    )
    return _report(callback, values, read.as_text(encoded))


def _from_message(callback: Callback, where: str, element: msgspec.Raw) -> DeliveryReport:
    fields = read.json_object(element, where)
    status = read.nested(fields, "status", where)
    where_status = f"{where}.status"
    values = _ReportFields(
        status=read.filled(status, "code", where_status),
        number=read.filled(fields, "to", where),
        reference=read.optional(fields, "reference", where),
        operator=read.optional(fields, "operator", where),
        error_code=read.optional(status, "errorCode", where_status),
        error_text=_error_text(status, ("errorDescription", *_ERROR_TEXTS), where_status),
        created=read.optional(fields, "received", where),
        reported="",
    )
    return _report(callback, values, bytes(element).decode())


def _error_text(fields: read.Fields, names: Sequence[str], where: str) -> str:
    return next(filter(None, (read.optional(fields, name, where) for name in names)), "")


def _report(callback: Callback, values: _ReportFields, raw: str) -> DeliveryReport:
    account = callback.account
    status = find_meaning(values.status, CODES, account.codes)
    meaning, unmapped = refine(status, values.error_code, ERRORS, account.reasons)
    created = spell_stamp(values.created, UTC)
    stamp = created if values.created else spell_stamp(values.reported, UTC)
    identified = values.reference or values.created
    return delivery_report(
        callback,
        PARSER,
        words=(
            values.reference,
            spell_number(values.number),
            spell_code(values.status),
            spell_code(values.error_code),
            stamp.text,
            "" if values.reference else spell_code(values.operator),
        ),
        message_id=values.reference,
        message_stamp=created.text,
        reference=values.reference,
        number=read_number(values.number, default_region=account.default_region, international=True),
        operator=values.operator,
        meaning=meaning,
        provider_status=values.status,
        provider_code=values.error_code,
        provider_text=values.error_text,
        occurred_at=read.time(values.reported or values.created, account.timezone or UTC),
        unmapped=unmapped,
        notes=() if identified else (Note.NO_MESSAGE_IDENTITY,),
        stamp_day=stamp.day,
        raw=raw,
    )


def reread(callback: Callback) -> DeliveryReport:
    """Read a report's `raw`: the parameters of a GET or a form, or one message of a POST."""
    if read.holds_json(callback.body):
        return _from_message(callback, "$", msgspec.Raw(callback.body))
    return _from_parameters(callback, callback.body, "body")


PROVIDER: Final = Provider(
    parser=PARSER,
    parse=parse,
    reread=reread,
    identity=Identity(
        words=(
            "REFERENCE",
            "GSM",
            "STATUS",
            "STATUSDESCRIPTION",
            "CREATED_S (else DATETIME_S)",
            "OPERATOR where REFERENCE is empty",
        ),
        because=(
            "both GET and POST (as `received`) have CREATED_S, and only GET has DATETIME_S; OPERATOR is no parameter of "
            "the document's GET, so that it counts only if no REFERENCE says which message it is"
        ),
        document="CM Messaging API, section 5",
    ),
    methods=("GET", "POST"),
    codes=CODES,
    reasons=ERRORS,
    known_by_reference=True,
    renamable=_PARAMETERS,
)
