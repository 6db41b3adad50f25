"""
CloudSMS: one JSON envelope of results a callback, by POST; the answer is JSON, too.

Source: 《CloudSMS平台Web API接口文档》 v2.4, 平台短信状态报告推送 (request and answer), 参数详细解释 (states and result
codes). Times are UTC+8. The document's table has AUTH_KEY as required and its example has none, so that it is checked
only for an account that has one. LOCAL_REJECTED (60) stands below the table of states. A message without an operator's
report within 25 hours is reported as EXPIRED. The document names no retry.
"""

import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final, NamedTuple

import msgspec
import orjson

from normalizers import read
from normalizers.codes import find_meaning
from normalizers.errors import Fault, ForbiddenError, MalformedError
from normalizers.identity import Identity
from normalizers.model import Account, Callback, Code, CodeTable, DeliveryReport, Item, Reason, Status
from normalizers.msisdn import read_split_number
from normalizers.provider import RETRY_AFTER, Provider, Replies, Reply
from normalizers.records import Parser, delivery_report
from normalizers.spelling import Stamp, spell_split_number, spell_stamp

PARSER: Final = Parser("cloudsms", version=1, identity=1)

CODES: Final = CodeTable(
    {
        "1": Code(Status.ENROUTE, None, "ENROUTE 消息正在传输", "The message is in transit"),
        "2": Code(Status.DELIVERED, None, "DELIVERED 消息已送达", "The message was delivered"),
        "3": Code(Status.EXPIRED, Reason.EXPIRED, "EXPIRED 消息超时", "The message timed out"),
        "4": Code(Status.DELETED, Reason.DELETED, "DELETED 消息被删除", "The message was deleted"),
        "5": Code(Status.UNDELIVERABLE, Reason.UNKNOWN, "UNDELIVERABLE 消息不可送达", "The message can't be delivered"),
        "6": Code(
            Status.ACCEPTED,
            None,
            "ACCEPTED 消息已接收 (例如: 已经被客服代表用户手工读取)",
            "The message was accepted (for example, read by customer service for the subscriber)",
        ),
        "7": Code(Status.UNKNOWN, None, "UNKNOWN 消息状态无效", "The message's state is not valid"),
        "8": Code(Status.REJECTED, Reason.UNKNOWN, "REJECTED 消息被拒绝", "The message was refused"),
        "9": Code(Status.SCHEDULED, None, "IDLE 消息正在处理中", "The message is being processed"),
        "60": Code(
            Status.REJECTED,
            Reason.PROVIDER_REJECTED,
            "LOCAL_REJECTED",
            "Refused by CloudSMS itself: an invalid number, no route, or too low a balance",
        ),
    },
    document="CloudSMS平台Web API接口文档 v2.4, SMS_STATE 和 RESULT_DESC 参数",
)

_METHOD: Final = "SMS_PUSH_REPORT"
_LIST: Final = "SMS_RESULT_LIST"
_CUSTOM: Final = "CUSTOMER_BODY"
_LAST_SERIAL: Final = 65535
#: The limit of a shared field, which every report of a callback repeats; the document's own is 32 characters.
_LONGEST: Final = 512
#: How many bytes of shared fields the reports of one callback may repeat; beyond that only the first has all of them.
_MOST_REPEATED: Final = 256 * 1024
_SHARED: Final = ("METHOD", "TYPE", "SERIAL", "TIME", "REPORT_TIME", "SMS_UID", "SOURCE_MSISDN")


class _Envelope(NamedTuple):
    """The fields that all reports of a callback share; `members` are all of them but AUTH_KEY, still encoded."""

    message_id: str
    sender: str
    occurred_at: datetime | None
    reported: Stamp
    custom: msgspec.Raw | None
    members: Mapping[str, msgspec.Raw]


def parse(callback: Callback) -> Sequence[Item]:
    """Read the results in an envelope, after its AUTH_KEY is checked."""
    fields = _authentic(callback)
    members = read.json_members(read.body(callback))
    envelope = _envelope(callback.account, fields, members)
    elements = read.json_elements(read.member(members, _LIST), f"$.{_LIST}")
    if not elements:
        raise MalformedError(Fault.MISSING_FIELD, f"$.{_LIST}", "is an empty list")
    repeats_too_much = len(elements) > 1 and _size(envelope) * len(elements) > _MOST_REPEATED

    def report(where: str, element: msgspec.Raw) -> DeliveryReport:
        nonlocal envelope, repeats_too_much
        first = _report(callback, envelope, where, element)
        if repeats_too_much:
            envelope, repeats_too_much = _shortened(envelope, first.event_id), False
        return first

    return read.each(elements, report, keep=lambda element: _alone(envelope, element))


def _size(envelope: _Envelope) -> int:
    return sum(len(bytes(value)) for value in envelope.members.values())


def _alone(envelope: _Envelope, element: msgspec.Raw) -> bytes:
    """Return one result in an envelope of its own."""
    return msgspec.json.encode({**envelope.members, _LIST: [element]})


def _shortened(envelope: _Envelope, first: str) -> _Envelope:
    """Return the envelope for all reports but the first: the fields that are read, and the first one's id."""
    members = {name: envelope.members[name] for name in _SHARED if name in envelope.members}
    if envelope.custom is None:
        return envelope._replace(members=members)
    same_as = msgspec.Raw(msgspec.json.encode({"same_as": first}))
    return envelope._replace(custom=same_as, members={**members, _CUSTOM: same_as})


def _authentic(callback: Callback) -> read.Fields:
    """Return the envelope's fields; raises `ForbiddenError` if AUTH_KEY is wrong, or can't be read."""
    key = callback.account.auth_key
    if key is None:
        return read.json_object(read.body(callback))
    try:
        fields = read.json_object(read.body(callback))
    except MalformedError as error:
        raise ForbiddenError("AUTH_KEY can't be read") from error
    sent = fields.get("AUTH_KEY")
    if not isinstance(sent, str) or not hmac.compare_digest(sent.encode(), key.encode()):
        raise ForbiddenError("AUTH_KEY is wrong or missing")
    return fields


def _envelope(account: Account, fields: read.Fields, members: Mapping[str, msgspec.Raw]) -> _Envelope:
    for name, expected in (("METHOD", _METHOD), ("TYPE", "REQUEST")):
        if read.required(fields, name, "$") != expected:
            raise MalformedError(Fault.BAD_VALUE, f"$.{name}", f"is not {expected}")
    _serial(fields)
    sent_at = _short("TIME", read.required(fields, "TIME", "$"))
    reported_at = _short("REPORT_TIME", read.optional(fields, "REPORT_TIME", "$"))
    zone = account.timezone or read.UTC_8
    return _Envelope(
        message_id=_short("SMS_UID", read.filled(fields, "SMS_UID", "$")),
        sender=_short("SOURCE_MSISDN", read.required(fields, "SOURCE_MSISDN", "$")),
        occurred_at=read.time(reported_at, zone) or read.time(sent_at, zone),
        reported=spell_stamp(reported_at, read.UTC_8),
        custom=_custom(fields, members),
        members={name: value for name, value in members.items() if name not in {"AUTH_KEY", _LIST}},
    )


def _short(name: str, text: str) -> str:
    if len(text) > _LONGEST:
        raise MalformedError(Fault.BAD_VALUE, f"$.{name}", f"is longer than {_LONGEST} characters")
    return text


def _serial(fields: read.Fields) -> int:
    text = read.required(fields, "SERIAL", "$")
    serial = int(text) if _is_digits(text) and len(text) <= len(str(_LAST_SERIAL)) else 0
    if not 1 <= serial <= _LAST_SERIAL:
        raise MalformedError(Fault.BAD_VALUE, "$.SERIAL", f"is not a whole number from 1 to {_LAST_SERIAL}")
    return serial


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _custom(fields: read.Fields, members: Mapping[str, msgspec.Raw]) -> msgspec.Raw | None:
    """Return the customer's own object as it was sent, None if there is nothing in it."""
    value = fields.get(_CUSTOM)
    return members[_CUSTOM] if isinstance(value, dict) and value else None


def _report(callback: Callback, envelope: _Envelope, where: str, element: msgspec.Raw) -> DeliveryReport:
    fields = read.json_object(element, where)
    calling_code = read.required(fields, "COUNTRY_CODE", where)
    number = read.filled(fields, "DEST_MSISDN", where)
    state = read.required(fields, "SMS_STATE", where)
    if not _is_digits(state):
        raise MalformedError(Fault.BAD_VALUE, f"{where}.SMS_STATE", "is not a whole number")
    return delivery_report(
        callback,
        PARSER,
        words=(
            envelope.message_id,
            spell_split_number(calling_code, number),
            state.lstrip("0") or "0",
            envelope.reported.text,
        ),
        message_id=envelope.message_id,
        number=read_split_number(calling_code, number),
        sender=envelope.sender,
        meaning=find_meaning(state, CODES, callback.account.codes),
        provider_status=state,
        provider_text=read.required(fields, "RESULT_DESC", where),
        occurred_at=envelope.occurred_at,
        custom=envelope.custom,
        stamp_day=envelope.reported.day,
        raw=_alone(envelope, element).decode(),
    )


def reread(callback: Callback) -> DeliveryReport:
    """Read a report's `raw`: an envelope with one result, without AUTH_KEY."""
    members = read.json_members(callback.body)
    envelope = _envelope(callback.account, read.json_object(callback.body), members)
    [(where, element)] = read.json_elements(read.member(members, _LIST), f"$.{_LIST}")
    return _report(callback, envelope, where, element)


class _Result(NamedTuple):
    """A row of the document's table of result codes."""

    code: int
    desc: str


_OK: Final = _Result(1, "OK")
_UNKNOWN_ERROR: Final = _Result(2, "Unknown_error")
_BUSY: Final = _Result(3, "Busy")
_CHANNEL_NOT_EXIST: Final = _Result(5, "Channel_not_exist")
_FAULTS: Final[Mapping[Fault, _Result]] = MappingProxyType(
    {
        Fault.EMPTY: _Result(4, "Empty_data"),
        Fault.BAD_VALUE: _Result(0x10000001, "Invalid_parameter"),  # the document's table has it cut off
        Fault.NOT_JSON: _Result(0x10000003, "Invalid_context"),
        Fault.MISSING_FIELD: _Result(0x10000007, "Lost_info"),
    }
)
#: RESULT_DESC's length (LMAX), in bytes of printable ASCII.
_DESC_LENGTH: Final = 127
_TIME_LENGTH: Final = len("YYYY-MM-DD HH:MM:SS")


def _answer(
    callback: Callback, status: int, result: _Result, headers: Mapping[str, str] = MappingProxyType({})
) -> Reply:
    """Return an ANSWER, with the request's SERIAL, or 0 if that can't be read."""
    try:
        serial = _serial(read.json_object(read.without_mark(callback.body)))
    except MalformedError:
        serial = 0
    answer = {
        "METHOD": _METHOD,
        "TYPE": "ANSWER",
        "SERIAL": serial,
        "TIME": callback.received_at.astimezone(read.UTC_8).isoformat(" ", "seconds")[:_TIME_LENGTH],
        "RESULT_CODE": result.code,
        "RESULT_DESC": result.desc,
    }
    return Reply(status, orjson.dumps(answer), "application/json", headers)


def _malformed(callback: Callback, error: MalformedError) -> Reply:
    result = _FAULTS.get(error.why, _UNKNOWN_ERROR)
    desc = "".join(char if " " <= char <= "~" else "?" for char in f"{result.desc}: {error}")
    return _answer(callback, 400, _Result(result.code, desc[:_DESC_LENGTH]))


PROVIDER: Final = Provider(
    parser=PARSER,
    parse=parse,
    reread=reread,
    identity=Identity(
        words=("SMS_UID", "COUNTRY_CODE and DEST_MSISDN", "SMS_STATE", "REPORT_TIME"),
        because=(
            "TIME and SERIAL belong to the packet, and differ when the same report is sent again; REPORT_TIME is the "
            "report's own, and optional"
        ),
        document="CloudSMS平台Web API接口文档 v2.4, 平台短信状态报告推送",
    ),
    methods=("POST",),
    codes=CODES,
    secret_fields=("AUTH_KEY",),
    reports_within=timedelta(hours=25),
    replies=Replies(
        stored=lambda callback: _answer(callback, 200, _OK),
        malformed=_malformed,
        forbidden=lambda callback: _answer(callback, 403, _CHANNEL_NOT_EXIST),
        busy=lambda callback: _answer(callback, 503, _BUSY, RETRY_AFTER),
    ),
)
