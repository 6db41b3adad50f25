"""
CM.com: one report a callback, by GET or by POST.

Source: "CM Messaging API", section 5 (status reports: four states, POST JSON, GET with parameters that the customer
names). The error codes are of an older CM document, docs.cm.nl/http_SR.pdf, section 4, as transcribed by others: the
newer one lists none. CM retries what is not answered 2xx for up to seven days.

The callback carries no id of CM's own, so that `message_id` is the customer's REFERENCE.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC
from typing import Final

import msgspec

from normalizers import read
from normalizers.errors import Fault, MalformedError
from normalizers.model import Callback, Code, CodeTable, DeliveryReport, Item, Reason, Status
from normalizers.msisdn import read_number
from normalizers.provider import Provider
from normalizers.records import delivery_report
from normalizers.replies import PLAIN_TEXT

#: Version of the tables and the parser below.
VERSION: Final = 1

CODES: Final = CodeTable(
    {
        "0": Code(Status.ACCEPTED, None, "被 CM 或运营商接收成功"),
        "1": Code(Status.REJECTED, Reason.UNKNOWN, "被 CM 或运营商拒绝"),
        "2": Code(Status.DELIVERED, None, "送达成功"),
        "3": Code(Status.UNDELIVERABLE, Reason.UNKNOWN, "失败"),
    }
)


def _why(reason: Reason, meaning: str) -> Code:
    """Return a row that says why and not whether: the status comes from `CODES`."""
    return Code(Status.UNKNOWN, reason, meaning)


ERRORS: Final = CodeTable(
    {
        "5": _why(Reason.UNKNOWN, "not delivered; no further detail"),
        "7": _why(
            Reason.INSUFFICIENT_SUBSCRIBER_CREDIT, "not yet delivered for lack of subscriber credit; being retried"
        ),
        "8": _why(Reason.EXPIRED, "expired in the SMSC without a reason"),
        "20": _why(Reason.UNSUPPORTED, "cannot be delivered in this form"),
        "21": _why(Reason.INSUFFICIENT_SUBSCRIBER_CREDIT, "not delivered for lack of subscriber credit"),
        "22": _why(Reason.INSUFFICIENT_SUBSCRIBER_CREDIT, "not delivered: subscriber credit too low at the pre-check"),
        "23": _why(Reason.INVALID_NUMBER, "number wrong or invalid or barred"),
        "24": _why(Reason.ABSENT_SUBSCRIBER, "subscriber temporarily absent"),
        "25": _why(Reason.NETWORK_ERROR, "temporary network failure"),
        "26": _why(Reason.HANDSET_ERROR, "temporary handset failure (memory full or busy)"),
        "27": _why(Reason.HANDSET_ERROR, "handset incompatible"),
        "28": _why(Reason.CONTENT_REJECTED, "suspected spam"),
        "29": _why(Reason.CONTENT_REJECTED, "content not allowed"),
        "30": _why(Reason.SPEND_LIMIT, "subscriber spend limit reached"),
        "31": _why(Reason.INSUFFICIENT_SUBSCRIBER_CREDIT, "subscriber cannot be billed"),
        "33": _why(Reason.SUBSCRIBER_BARRED, "parental lock"),
        "34": _why(Reason.SUBSCRIBER_BARRED, "age check failed"),
        "35": _why(Reason.PROVIDER_ERROR, "age check not done"),
        "36": _why(Reason.PROVIDER_ERROR, "age check communication error"),
        "37": _why(Reason.BLOCKLISTED, "national blocklist"),
    }
)

#: The document spells the parameter of the error text in the second and third way, CM's site in the first.
_ERROR_TEXTS: Final = ("STANDARDERRORTEXT", "STANDARDERRORTXT", "STANDARDERRORTTEXT")
_PARAMETERS: Final = frozenset(
    {"CREATED_S", "DATETIME_S", "GSM", "REFERENCE", "STATUS", "STATUSDESCRIPTION", "OPERATOR", *_ERROR_TEXTS}
)


def parse(callback: Callback) -> Sequence[Item]:
    """Read the parameters of a GET (or of a form), or the messages of a POST."""
    if callback.method != "POST":
        return [_from_parameters(callback, callback.query, "query")]
    body = read.body(callback)
    if _is_form(callback):
        return [_from_parameters(callback, body, "body")]
    messages = read.json_members(read.member(read.json_members(body), "messages"), "$.messages")
    elements = read.json_elements(read.member(messages, "msg", "$.messages"), "$.messages.msg")
    if not elements:
        raise MalformedError(Fault.MISSING_FIELD, "$.messages.msg", "is an empty list")
    return read.each(elements, lambda where, element: _from_message(callback, where, element))


def _is_form(callback: Callback) -> bool:
    """Tell a form from JSON that a careless client calls a form."""
    called = callback.headers.get("content-type", "").lower().startswith("application/x-www-form-urlencoded")
    return called and not callback.body.lstrip().startswith(b"{")


def _from_parameters(callback: Callback, encoded: bytes, where: str) -> DeliveryReport:
    fields = {name.upper(): value for name, value in read.pairs(encoded).items()}
    if callback.account.fields:
        names = {ours.upper(): theirs.upper() for ours, theirs in callback.account.fields.items()}
        fields |= {ours: fields[theirs] for ours, theirs in names.items() if theirs in fields}
    if fields.keys().isdisjoint(_PARAMETERS):
        raise MalformedError(Fault.EMPTY, where, "has none of the parameters of a report")
    return _report(
        callback,
        status=read.filled(fields, "STATUS", where),
        number=read.filled(fields, "GSM", where),
        reference=read.optional(fields, "REFERENCE", where),
        operator=read.optional(fields, "OPERATOR", where),
        error_code=read.optional(fields, "STATUSDESCRIPTION", where),
        error_text=_error_text(fields, _ERROR_TEXTS, where),
        stamp=read.optional(fields, "DATETIME_S", where),
        raw=encoded.decode("utf-8", "replace"),
    )


def _from_message(callback: Callback, where: str, element: msgspec.Raw) -> DeliveryReport:
    fields = read.json_object(element, where)
    status = read.nested(fields, "status", where)
    where_status = f"{where}.status"
    return _report(
        callback,
        status=read.filled(status, "code", where_status),
        number=read.filled(fields, "to", where),
        reference=read.optional(fields, "reference", where),
        operator=read.optional(fields, "operator", where),
        error_code=read.optional(status, "errorCode", where_status),
        error_text=_error_text(status, ("errorDescription", *_ERROR_TEXTS), where_status),
        stamp=read.optional(fields, "received", where),
        raw=bytes(element).decode(),
    )


def _error_text(fields: read.Fields, names: Sequence[str], where: str) -> str:
    for name in names:
        text = read.optional(fields, name, where)
        if text:
            return text
    return ""


def _report(
    callback: Callback,
    *,
    status: str,
    number: str,
    reference: str,
    operator: str,
    error_code: str,
    error_text: str,
    stamp: str,
    raw: str,
) -> DeliveryReport:
    code, unmapped = _meaning(status, error_code)
    account = callback.account
    return delivery_report(
        callback,
        provider=PROVIDER.name,
        normalizer=VERSION,
        message_id=reference,
        reference=reference,
        number=read_number(number, default_region=account.default_region, international=True),
        operator=operator,
        code=code,
        provider_status=status,
        provider_code=error_code,
        provider_text=error_text,
        occurred_at=read.time(stamp, account.timezone or UTC),
        unmapped=unmapped,
        raw=raw,
    )


def _meaning(status: str, error_code: str) -> tuple[Code | None, bool]:
    """Return what status and error code say together, and whether one of them is in no table."""
    code = CODES.find(status)
    if not error_code or (code is not None and code.status is Status.DELIVERED):
        return code, code is None
    error = ERRORS.find(error_code)
    if error is None:
        return code, code is None or code.status.failed
    if code is None:
        return error, True
    return replace(code, reason=error.reason), False


PROVIDER: Final = Provider(
    name="cm",
    methods=("GET", "POST"),
    codes=CODES,
    reasons=ERRORS,
    parse=parse,
    replies=PLAIN_TEXT,
    known_by_reference=True,
    renamable=_PARAMETERS,
)
