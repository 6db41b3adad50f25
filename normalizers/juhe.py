"""
Juhe (聚合云信): reports and inbound messages in one JSON array, by POST.

Source: 《行业短信 客户接口说明文档》, 2017-10-28, sections 6 (what is pushed, and the answer `OK`) and 9 (codes of
reports). Its examples leave out `accessCode`. `flag` may also be missing or text, an array of one may be a lone object,
and the array may be the `list` of an object, as the field table of section 6 has it. The document names no retry. It
lists some of SMPP's message states (DELIVRD, EXPIRED, DELETED) as codes, so that the others are read as SMPP's, too.

Sections 3, 4, 5 and 7: polling for the balance, reports and inbound messages, and the `status` of answers. An answer's
reports may not be handed over again. `size` is in no document; clients of the same platform send it.
"""
# ruff: noqa: RUF001  (meanings are the document's own words, in its own punctuation)

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final
from urllib.parse import urlencode

import msgspec

from normalizers import polling, read
from normalizers.codes import find_meaning
from normalizers.errors import Fault, MalformedError
from normalizers.identity import Identity, event_id
from normalizers.model import Callback, Code, CodeTable, DeliveryReport, InboundMessage, Item, Reason, Status
from normalizers.msisdn import read_number
from normalizers.polling import PollOutcome, Verdict
from normalizers.provider import Provider
from normalizers.records import Parser, delivery_report
from normalizers.spelling import spell_chinese_number, spell_code, spell_stamp

PARSER: Final = Parser("juhe", version=1, identity=1)

CODES: Final = CodeTable(
    {
        "DELIVRD": Code(Status.DELIVERED, None, "短信投递成功", "The message was delivered"),
        "EXPIRED": Code(Status.EXPIRED, Reason.EXPIRED, "Message validity period has expired"),
        "DELETED": Code(Status.DELETED, Reason.DELETED, "Message has been deleted."),
        "REJECTED": Code(Status.REJECTED, Reason.UNKNOWN, "Message is in a rejected state"),
        "MA:0001": Code(Status.REJECTED, Reason.BLOCKLISTED, "全局黑名单号码", "The number is on the global blocklist"),
        "MA:0002": Code(Status.REJECTED, Reason.CONTENT_REJECTED, "内容非法", "The content is not allowed"),
        "MA:0003": Code(Status.REJECTED, Reason.NO_ROUTE, "无法找到下级路由", "No route to the next gateway was found"),
        "MA:0004": Code(Status.UNDELIVERABLE, Reason.UNKNOWN, "未知", "Unknown"),
        "MA:0005": Code(
            Status.REJECTED, Reason.INVALID_NUMBER, "目的号码格式错误", "The destination number is malformed"
        ),
        "MA:0006": Code(Status.REJECTED, Reason.PROVIDER_REJECTED, "系统拒绝", "Refused by the system"),
        "MA:0009": Code(Status.UNDELIVERABLE, Reason.UNKNOWN, "未定义错误", "Undefined error"),
        "MA:0011": Code(
            Status.UNDELIVERABLE, Reason.PROVIDER_ERROR, "未知系统内部错误", "Unknown internal error of the system"
        ),
        "MA:0012": Code(Status.REJECTED, Reason.CONTENT_REJECTED, "防钓鱼", "Refused as phishing"),
        "MA:0013": Code(Status.REJECTED, Reason.PROTOCOL_ERROR, "非法错误的包时序", "Packets out of sequence"),
        "MA:0014": Code(
            Status.REJECTED, Reason.INVALID_NUMBER, "非法的 OP_ISDN 号段", "Number range (OP_ISDN) not allowed"
        ),
        "MA:0021": Code(Status.REJECTED, Reason.INVALID_NUMBER, "号码格式错误", "The number is malformed"),
        "MA:0022": Code(
            Status.REJECTED,
            Reason.THROTTLED,
            "号码超过半小时下发次数限制",
            "Too many messages to the number within half an hour",
        ),
        "MA:0023": Code(
            Status.REJECTED, Reason.BLOCKLISTED, "客户黑名单号码", "The number is on the customer's blocklist"
        ),
        "MA:0024": Code(Status.REJECTED, Reason.NOT_REGISTERED, "内容未报备", "The content was not registered"),
        "MA:0025": Code(Status.REJECTED, Reason.UNSUPPORTED, "不支持该短信", "This kind of message is not supported"),
        "MA:0026": Code(
            Status.UNDELIVERABLE,
            Reason.PROVIDER_ERROR,
            "分条发送，组包超时",
            "A message in parts was not complete in time",
        ),
        "MA:0027": Code(Status.REJECTED, Reason.BLOCKLISTED, "通道黑名单", "The channel's blocklist"),
        "MA:0028": Code(
            Status.REJECTED, Reason.BLOCKLISTED, "全局黑名单号段", "The number range is on the global blocklist"
        ),
        "MA:0029": Code(
            Status.REJECTED, Reason.BLOCKLISTED, "通道黑名单号段", "The number range is on the channel's blocklist"
        ),
        "MA:0030": Code(Status.REJECTED, Reason.PROVIDER_REJECTED, "直接产生拒绝报告", "Refused at once"),
        "MO:200": Code(Status.REJECTED, Reason.UNSUPPORTED, "不支持分条短信", "Messages in parts are not supported"),
        "MO:0254": Code(Status.UNDELIVERABLE, Reason.NETWORK_ERROR, "转发提交超时", "Forwarding timed out"),
        "MO:0255": Code(
            Status.UNDELIVERABLE,
            Reason.NETWORK_ERROR,
            "转发提交过程中，连接断开",
            "The connection broke while forwarding",
        ),
    },
    patterns=(
        (
            "MO:NNNN",
            re.compile(r"MO:[0-9]+"),
            Code(
                Status.UNDELIVERABLE,
                Reason.UPSTREAM_ERROR,
                "对外提交过程中，上级网关的返回值 (any other MO: followed by digits)",
                "The upstream gateway's own result, which only that gateway can explain",
            ),
        ),
    ),
    document="行业短信 客户接口说明文档, section 9",
)

_REPORT: Final = "1"
_INBOUND: Final = "0"
_REGION: Final = "CN"


def parse(callback: Callback) -> Sequence[Item]:
    """Read a list of reports and inbound messages, which may be empty."""
    return read.each(_elements(read.body(callback)), lambda where, element: _item(callback, where, element))


def _elements(body: bytes) -> list[tuple[str, msgspec.Raw]]:
    """Return the elements of an array, or of an object's `list`, or the object itself as the only element."""
    if body.lstrip()[:1] == b"{":
        members = read.json_members(body)
        listed = members.get("list")
        if listed is not None and bytes(listed) != b"null":
            return read.json_elements(listed, "$.list")
    return read.json_elements(body)


def _item(callback: Callback, where: str, element: msgspec.Raw) -> DeliveryReport | InboundMessage:
    fields = read.json_object(element, where)
    raw = bytes(element).decode()
    if _flag(fields, where) == _REPORT:
        return _report(callback, fields, where, raw)
    return _inbound(callback, fields, where, raw)


def _flag(fields: read.Fields, where: str) -> str:
    if fields.get("flag") is None:
        if fields.get("stat"):
            return _REPORT
        if fields.get("content") is not None:
            return _INBOUND
    flag = read.required(fields, "flag", where)
    if flag not in {_REPORT, _INBOUND}:
        raise MalformedError(Fault.BAD_VALUE, f"{where}.flag", "is neither 0 nor 1")
    return flag


def _report(callback: Callback, fields: read.Fields, where: str, raw: str) -> DeliveryReport:
    stat = read.filled(fields, "stat", where)
    message_id = read.filled(fields, "mid", where)
    mobile = read.filled(fields, "mobile", where)
    time = read.optional(fields, "time", where)
    stamp = spell_stamp(time, read.UTC_8)
    return delivery_report(
        callback,
        PARSER,
        words=(message_id, spell_chinese_number(mobile), spell_code(stat), stamp.text),
        message_id=message_id,
        number=_number(callback, mobile),
        sender=read.optional(fields, "accessCode", where),
        meaning=find_meaning(stat, CODES, callback.account.codes, state=stat),
        provider_status=stat,
        occurred_at=read.time(time, callback.account.timezone or read.UTC_8),
        stamp_day=stamp.day,
        raw=raw,
    )


def _inbound(callback: Callback, fields: read.Fields, where: str, raw: str) -> InboundMessage:
    mobile = read.filled(fields, "mobile", where)
    message_id = read.optional(fields, "mid", where)
    content = read.verbatim(fields, "content", where)
    time = read.optional(fields, "time", where)
    stamp = spell_stamp(time, read.UTC_8)
    sender, _ = _number(callback, mobile)
    words = message_id, spell_chinese_number(mobile), content, stamp.text
    return InboundMessage(
        event_id=event_id(PARSER.provider, callback.account.name, words, "inbound"),
        provider=PARSER.provider,
        account=callback.account.name,
        message_id=message_id,
        sender=sender,
        recipient=read.optional(fields, "accessCode", where),
        content=content,
        occurred_at=read.time(time, callback.account.timezone or read.UTC_8),
        received_at=callback.received_at,
        source=callback.source,
        stamp_day=stamp.day,
        raw=raw,
        normalizer=PARSER.version,
        identity=PARSER.identity,
    )


def _number(callback: Callback, mobile: str) -> tuple[str, str]:
    region = callback.account.default_region or _REGION
    return read_number(mobile, default_region=region, international=False)


def reread(callback: Callback) -> DeliveryReport | InboundMessage:
    """Read a record's `raw`: one item of a callback or of an answer, whose flag tells reports from inbound messages."""
    return _item(callback, "$", msgspec.Raw(callback.body))


#: Section 7: outcomes by `status`, of which 0 is success. Any other status counts as a failure that may pass.
STATUSES: Final = {
    "1": Verdict(PollOutcome.REFUSED, "1 消息包格式错误"),
    "2": Verdict(PollOutcome.DENIED, "2 IP 鉴权错误"),
    "3": Verdict(PollOutcome.DENIED, "3 账号密码不正确"),
    "4": Verdict(PollOutcome.REFUSED, "4 版本号错误"),
    "5": Verdict(PollOutcome.FAILED, "5 其它错误"),
    "6": Verdict(PollOutcome.DENIED, "6 接入点错误"),
    "7": Verdict(PollOutcome.DENIED, "7 账号状态异常"),
    "21": Verdict(PollOutcome.RATE_LIMITED, "21 连接过多"),
    "100": Verdict(PollOutcome.FAILED, "100 系统内部错误"),
    "102": Verdict(PollOutcome.REFUSED, "102 单次提交的号码数过多"),
}


def _request(action: str, asking: polling.Asking) -> polling.PollRequest:
    fields = {"action": action, **asking.credentials, "rt": "json"}
    if asking.size:
        fields["size"] = str(asking.size)
    body = urlencode(fields).encode()
    return polling.PollRequest(method="POST", path="/sms", body=body, content_type="application/x-www-form-urlencoded")


def _judge(status: int, body: bytes) -> Verdict:
    verdict = polling.judge_status(status)
    code = str(read.first_object(body).get("status") or 0).strip()
    if verdict.outcome is not PollOutcome.ANSWERED or code == "0":
        return verdict
    return STATUSES.get(code) or Verdict(PollOutcome.FAILED, f"status {code[:8]}")


def _pulled(callback: Callback, as_asked: Callable[[msgspec.Raw], msgspec.Raw]) -> Sequence[Item]:
    """Read the `list` of an answer, if it has one; `as_asked` gives each item the flag that fits the question."""
    answer = read.json_members(read.body(callback))
    listed = answer.get("list")
    if listed is None and "status" not in answer:
        raise MalformedError(Fault.MISSING_FIELD, "$.list", "is missing")
    if listed is None or bytes(listed) == b"null":
        return []
    elements = [(where, as_asked(element)) for where, element in read.json_elements(listed, "$.list")]
    return read.each(elements, lambda where, element: _item(callback, where, element))


def _as_report(element: msgspec.Raw) -> msgspec.Raw:
    """Return an item with the flag of a report, unless it has no `stat`."""
    fields = read.first_object(bytes(element))
    return _with(element, flag=_REPORT) if fields.get("stat") else element


def _as_inbound(element: msgspec.Raw) -> msgspec.Raw:
    """Return an item with the flag of an inbound message; the document has one with its text in `stat`."""
    fields = read.first_object(bytes(element))
    if fields.get("content") is None and isinstance(fields.get("stat"), str):
        return _with(element, flag=_INBOUND, content=fields["stat"])
    return _with(element, flag=_INBOUND) if fields else element


def _with(element: msgspec.Raw, **values: str) -> msgspec.Raw:
    """Return an object with these values; the same bytes if it has them."""
    fields = read.json_object(element)
    if all(str(fields.get(name)) == value for name, value in values.items()):
        return element
    return msgspec.Raw(msgspec.json.encode({**read.json_members(element), **values}))


def _question(action: str, as_asked: Callable[[msgspec.Raw], msgspec.Raw]) -> polling.PollQuestion:
    return polling.PollQuestion(
        action, lambda asking: _request(action, asking), lambda callback, _: _pulled(callback, as_asked)
    )


PROVIDER: Final = Provider(
    parser=PARSER,
    parse=parse,
    reread=reread,
    identity=Identity(
        words=("mid", "mobile", "stat", "time"),
        inbound=("mid", "mobile", "content", "time"),
        because=(
            "an item may be pushed (section 6) and also polled (sections 4 and 5); accessCode is left out, because "
            "section 6 has it in its table of fields and not in its examples"
        ),
        document="行业短信 客户接口说明文档, sections 4 to 6",
    ),
    methods=("POST",),
    codes=CODES,
    speaks_smpp=True,
    home=_REGION,
    poll=polling.Poll(
        credentials=("account", "password"),
        sizes=polling.Sizes(10, 1000, 10_000),
        judge=_judge,
        mailbox=(_question("report", _as_report), _question("mo", _as_inbound)),
        balance=polling.Balance(lambda asking: _request("overage", replace(asking, size=0)), read.balance),
    ),
)
