"""
Twilio: the status callback of an outbound message, a form by POST.

Source: Twilio's documentation, "Track the Message Status of Outbound Messages" (the parameters of a status callback),
"Message resource" (message status values), "Error and Warning Dictionary" (error codes of deliveries, 30001 and on, and
of recipients) and "Webhooks security" (the signature). MessageStatus is the state of the message, ErrorCode the reason of
a failure. The only time, RawDlrDoneDate, has neither century nor time zone, and is not read. Twilio does not repeat a
status callback unless its address asks for it (connection overrides).

Every callback is signed with the account's auth token: X-Twilio-Signature is the HMAC-SHA1 of the called address and of
all parameters in the order of their names. It is checked for an account with `keys = { auth_token = "..." }`.
"""

import base64
import hmac
from collections.abc import Mapping, Sequence
from typing import Final

from normalizers import read
from normalizers.codes import find_meaning, refine
from normalizers.errors import Fault, ForbiddenError, MalformedError
from normalizers.identity import Identity
from normalizers.model import Callback, Code, CodeTable, DeliveryReport, Reason, Status, error_code
from normalizers.msisdn import read_number
from normalizers.provider import Provider
from normalizers.records import Parser, delivery_report
from normalizers.spelling import spell_code

PARSER: Final = Parser("twilio", version=1, identity=1)

CODES: Final = CodeTable(
    {
        "ACCEPTED": Code(Status.ACCEPTED, None, "Twilio has accepted the message and chooses the sender"),
        "SCHEDULED": Code(Status.SCHEDULED, None, "the message is to be sent at a later time"),
        "QUEUED": Code(Status.ACCEPTED, None, "the message waits to be sent out"),
        "SENDING": Code(Status.ENROUTE, None, "Twilio is handing the message to the carrier"),
        "SENT": Code(Status.ENROUTE, None, "the carrier has accepted the message"),
        "DELIVERED": Code(Status.DELIVERED, None, "the carrier, or the handset, has confirmed the delivery"),
        "READ": Code(Status.DELIVERED, None, "the recipient has opened the message"),
        "UNDELIVERED": Code(Status.UNDELIVERABLE, Reason.UNKNOWN, "the carrier has reported that it was not delivered"),
        "FAILED": Code(Status.REJECTED, Reason.UNKNOWN, "the message could not be sent"),
        "CANCELED": Code(Status.DELETED, Reason.DELETED, "the scheduled message was canceled"),
    },
    document="Message resource, message status values",
)


ERRORS: Final = CodeTable(
    {
        "21610": error_code(Reason.BLOCKLISTED, "Attempt to send to unsubscribed recipient"),
        "21612": error_code(Reason.NO_ROUTE, "Message cannot be sent with the current combination of To and From"),
        "21614": error_code(Reason.INVALID_NUMBER, "To number is not a valid mobile number"),
        "30001": error_code(Reason.THROTTLED, "Queue overflow"),
        "30002": error_code(Reason.PROVIDER_REJECTED, "Account suspended"),
        "30003": error_code(Reason.ABSENT_SUBSCRIBER, "Unreachable destination handset"),
        "30004": error_code(Reason.SUBSCRIBER_BARRED, "Message blocked"),
        "30005": error_code(Reason.INVALID_NUMBER, "Unknown destination handset"),
        "30006": error_code(Reason.UNSUPPORTED, "Landline or unreachable carrier"),
        "30007": error_code(Reason.CONTENT_REJECTED, "Message filtered"),
        "30008": error_code(Reason.UNKNOWN, "Unknown error"),
        "30009": error_code(Reason.PROTOCOL_ERROR, "Missing inbound segment"),
        "30010": error_code(Reason.SPEND_LIMIT, "Message price exceeds max price"),
        "30011": error_code(Reason.UNSUPPORTED, "MMS not supported by the receiving phone number in this region"),
        "30017": error_code(Reason.NETWORK_ERROR, "Carrier network congestion"),
        "30018": error_code(Reason.NOT_REGISTERED, "Destination carrier requires sender ID pre-registration"),
        "30019": error_code(Reason.UNSUPPORTED, "Content size exceeds carrier limit"),
        "30022": error_code(Reason.THROTTLED, "US A2P 10DLC: rate limits exceeded"),
        "30023": error_code(Reason.THROTTLED, "US A2P 10DLC: daily message cap reached"),
        "30024": error_code(Reason.NOT_REGISTERED, "Numeric sender ID not provisioned on carrier"),
        "30032": error_code(Reason.NOT_REGISTERED, "Toll-free number has not been verified"),
        "30034": error_code(Reason.NOT_REGISTERED, "US A2P 10DLC: message from an unregistered number"),
        "30036": error_code(Reason.EXPIRED, "Validity period expired"),
    },
    document="Error and Warning Dictionary",
)

AUTH_TOKEN: Final = "auth_token"  # noqa: S105 - its name
_SIGNATURE: Final = "x-twilio-signature"
_PARAMETERS: Final = frozenset({"MessageSid", "MessageStatus", "To", "From", "ErrorCode"})


def parse(callback: Callback) -> Sequence[DeliveryReport]:
    """Read the one report that the form makes; raises `ForbiddenError` if the signature is wrong."""
    form = read.pairs(read.without_mark(callback.body))
    _check_signature(callback, form)
    if form.keys().isdisjoint(_PARAMETERS):
        raise MalformedError(Fault.EMPTY, "body", "has none of the parameters of a status callback")
    return [_report(callback, form, read.as_text(read.without_mark(callback.body)))]


def reread(callback: Callback) -> DeliveryReport:
    """Read a report's `raw`, the form, without checking the signature."""
    return _report(callback, read.pairs(callback.body), callback.body.decode())


def sign(token: str, url: str, form: Mapping[str, str]) -> str:
    """Return the signature of a callback: of the address, query included, and its parameters in order of name."""
    signed = url + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.digest(token.encode(), signed.encode(), "sha1")).decode()


def _check_signature(callback: Callback, form: Mapping[str, str]) -> None:
    token = callback.account.keys.get(AUTH_TOKEN)
    if token is None:
        return
    query = f"?{callback.query.decode('latin-1')}" if callback.query else ""
    expected = sign(token, callback.url + query, form)
    if not hmac.compare_digest(expected.encode(), callback.headers.get(_SIGNATURE, "").encode("utf-8", "replace")):
        raise ForbiddenError("X-Twilio-Signature is wrong or missing")


def _report(callback: Callback, form: read.Fields, raw: str) -> DeliveryReport:
    account = callback.account
    message_id = read.filled(form, "MessageSid", "body")
    number = read.filled(form, "To", "body").rpartition(":")[2]  # WhatsApp's are written `whatsapp:+1...`
    status = read.filled(form, "MessageStatus", "body")
    error = read.optional(form, "ErrorCode", "body")
    meaning, unmapped = refine(find_meaning(status, CODES, account.codes), error, ERRORS, account.reasons)
    return delivery_report(
        callback,
        PARSER,
        words=(message_id, spell_code(status), spell_code(error)),
        message_id=message_id,
        number=read_number(number, default_region=account.default_region),
        sender=read.optional(form, "From", "body"),
        meaning=meaning,
        provider_status=status,
        provider_code=error,
        occurred_at=None,
        unmapped=unmapped,
        raw=raw,
    )


PROVIDER: Final = Provider(
    parser=PARSER,
    parse=parse,
    reread=reread,
    identity=Identity(
        words=("MessageSid", "MessageStatus", "ErrorCode"),
        because="a MessageSid is one message to one recipient, and a message has each status once",
        document="Track the Message Status of Outbound Messages",
    ),
    methods=("POST",),
    codes=CODES,
    reasons=ERRORS,
    keys=(AUTH_TOKEN,),
)
