"""
Santo (闪通): one report a callback, by GET or POST (the document names no method): parameters in the URL or in a form.

Source: 《闪通国际短信通道平台 用户 API 手册》 V2.0 Beta, sections 4.3 (callbacks), 4.4 (balance), 4.6 (polls: get-rptstatus),
5.1 (errors of requests) and 5.2 (codes of reports). `sm` is hex of `id|state|code`, in the charset that `dc` names;
`rsm` is the same in clear, in the document's sample with `||` at its end. Callbacks have no time, and neither an answer
nor a retry is documented.

One id can have many recipients (section 4.2). Numbers are international ones without a prefix; a mobile number of
mainland China may lack its country code. The platform uses SMPP (section 2) and some of its words (ACCEPTD, REJECTD,
DELIVRD), so that a code that section 5.2 does not list is read as SMPP's.

An answer to get-rptstatus has only `success` or `failed`. A callback with the same result (state 0; 400 and 500) has more
detail, and so supersedes the answer, whichever of them comes first.
"""
# ruff: noqa: RUF001  (meanings are the document's own words, in its own punctuation)

from collections.abc import Sequence
from typing import Final, NamedTuple
from urllib.parse import urlencode

import msgspec

from normalizers import polling, read
from normalizers.codes import CodeMeaning, find_meaning
from normalizers.errors import Fault, MalformedError
from normalizers.identity import Identity, event_id
from normalizers.model import Account, Callback, Code, CodeTable, DeliveryReport, Item, Note, Reason, Status
from normalizers.msisdn import read_number
from normalizers.polling import PollOutcome, Verdict
from normalizers.provider import Provider
from normalizers.records import Parser, delivery_report
from normalizers.smpp import MESSAGE_STATES
from normalizers.spelling import spell_chinese_number, spell_code

PARSER: Final = Parser("santo", version=1, identity=1)

#: Keyed by `state|code` as in `sm`; the last two rows are for `mtstat` in an answer to get-rptstatus.
CODES: Final = CodeTable(
    {
        "0|DELIVRD": Code(Status.DELIVERED, None, "下行成功", "Delivered"),
        "400|401": Code(
            Status.REJECTED,
            Reason.INSUFFICIENT_BALANCE,
            "无下行权限（余额不足）",
            "Sending is not allowed (the balance is too low)",
        ),
        "400|402": Code(
            Status.REJECTED, Reason.CONTENT_REJECTED, "内容含非法关键字", "The content has a forbidden word"
        ),
        "400|403": Code(
            Status.REJECTED,
            Reason.NOT_REGISTERED,
            "内容未含白名单关键字",
            "The content has none of the registered words",
        ),
        "400|404": Code(
            Status.REJECTED,
            Reason.PROVIDER_REJECTED,
            "其他错误导致信息未能下发（可咨询客服）",
            "Not sent because of another error (ask the provider)",
        ),
        "500|501": Code(
            Status.UNDELIVERABLE, Reason.UNKNOWN, "未知错误（可咨询客服）", "Unknown error (ask the provider)"
        ),
        "poll:success": Code(
            Status.DELIVERED,
            None,
            "get-rptstatus mtstat success 表示报告成功",
            "Answer to get-rptstatus: reported as a success",
        ),
        "poll:failed": Code(
            Status.UNDELIVERABLE,
            Reason.UNKNOWN,
            "get-rptstatus mtstat failed 表示报告失败",
            "Answer to get-rptstatus: reported as a failure",
        ),
    },
    document="闪通国际短信通道平台 用户 API 手册, sections 4.6 and 5.2",
)

_COMMAND: Final = "RT_REQUEST"
_PARAMETERS: Final = frozenset({"command", "msgid", "da", "dc", "sm", "rsm"})
_CHARSETS: Final = {"0": "latin-1", "8": "utf-16-be"}
#: The charset of `dc` 15, which is the default; tried for any other `dc` too.
_GBK: Final = "gbk"
_FIELDS: Final = 3
#: The status in an answer to a poll, by the state in the callback on the same message.
_POLLED_AS: Final = {"0": "success", "400": "failed", "500": "failed"}
_DELIVERED_STATE: Final = "0"
_REGION: Final = "CN"


class _ReportText(NamedTuple):
    """The text in `sm` or `rsm`: `id|state|code`."""

    message_id: str
    state: str
    code: str


def parse(callback: Callback) -> Sequence[DeliveryReport]:
    """Read the one report that the parameters make."""
    encoded, where = read.parameters(callback)
    if where == "body":
        read.body(callback)
    return [_from_parameters(callback, encoded, where)]


def _from_parameters(callback: Callback, encoded: bytes, where: str) -> DeliveryReport:
    fields = read.pairs(encoded, _GBK)
    if fields.keys().isdisjoint(_PARAMETERS):
        raise MalformedError(Fault.EMPTY, where, "has none of the parameters of a report")
    if fields.get("command", _COMMAND).strip() != _COMMAND:
        raise MalformedError(Fault.BAD_VALUE, f"{where}.command", f"is not {_COMMAND}")
    return _report(callback, fields, where, encoded)


def _report(callback: Callback, fields: read.Fields, where: str, encoded: bytes) -> DeliveryReport:
    text, notes = _text(fields, where)
    message_id = read.optional(fields, "msgid", where)
    if not message_id and not text.message_id:
        raise MalformedError(Fault.MISSING_FIELD, f"{where}.msgid", "is missing")
    if message_id and text.message_id and message_id != text.message_id:
        notes += (Note.ID_DIFFERS,)
    message_id = message_id or text.message_id
    number = read.filled(fields, "da", where)
    return delivery_report(
        callback,
        PARSER,
        words=(message_id, spell_chinese_number(number), "callback", spell_code(text.state), spell_code(text.code)),
        supersedes=_superseded(callback.account, message_id, number, text.state),
        message_id=message_id,
        number=_number(callback.account, number),
        meaning=_meaning(callback.account, text),
        provider_status=text.state,
        provider_code=text.code,
        occurred_at=None,
        notes=notes,
        raw=read.as_text(encoded),
    )


def _number(account: Account, number: str) -> tuple[str, str]:
    return read_number(number, default_region=account.default_region or _REGION, international=True)


def _meaning(account: Account, text: _ReportText) -> CodeMeaning:
    """Return the meaning of state and code together; an SMPP word that contradicts the state is ignored."""
    word = MESSAGE_STATES.find(text.code)
    contradicts = (
        word is not None
        and word.status is not Status.UNKNOWN
        and text.state in _POLLED_AS
        and word.status.failed == (text.state == _DELIVERED_STATE)
    )
    return find_meaning(f"{text.state}|{text.code}", CODES, account.codes, state="" if contradicts else text.code)


def _code_of(state: str, code: str) -> str:
    """Return a report's key in `CODES`; an answer to a poll has `mtstat` as its state, and no code."""
    return f"{state}|{code}" if code or state.isdigit() or not state else f"poll:{state}"


def _superseded(account: Account, message_id: str, number: str, state: str) -> str | None:
    """Return the id of the answer to a poll that has the same result as a callback with this state."""
    mtstat = _POLLED_AS.get(state)
    return mtstat and event_id(PARSER.provider, account.name, _polled_words(message_id, number, mtstat))


def _polled_words(message_id: str, number: str, mtstat: str) -> tuple[str, ...]:
    return message_id, spell_chinese_number(number), "poll", spell_code(mtstat)


def _text(fields: read.Fields, where: str) -> tuple[_ReportText, tuple[Note, ...]]:
    """Return the text of `sm` if it can be read, else that of `rsm`."""
    clear = _split(read.optional(fields, "rsm", where))
    coded = _split(_decoded(read.optional(fields, "sm", where), read.optional(fields, "dc", where)))
    if coded is not None:
        return coded, (Note.SM_RSM_DIFFER,) if clear is not None and clear != coded else ()
    if clear is not None:
        return clear, ()
    if not (fields.get("sm") or fields.get("rsm")):
        raise MalformedError(Fault.MISSING_FIELD, f"{where}.sm", "is missing, and so is rsm")
    raise MalformedError(Fault.BAD_VALUE, f"{where}.sm", "does not read as id|state|code, and neither does rsm")


def _decoded(coded: str, dc: str) -> str:
    try:
        return bytes.fromhex(coded).decode(_CHARSETS.get(dc, _GBK))
    except ValueError:
        return ""


def _split(text: str) -> _ReportText | None:
    parts = [part.strip() for part in text.split("|", _FIELDS)[:_FIELDS]]
    if len(parts) < _FIELDS or not (parts[1] or parts[2]):
        return None
    return _ReportText(*parts)


#: Section 5.1: why a request failed. Any other code counts as a failure that may pass.
ERRORS: Final = {
    "0100": Verdict(PollOutcome.REFUSED, "0100 请求参数错误"),
    "0101": Verdict(PollOutcome.REFUSED, "0101 无效的 command 参数"),
    "0104": Verdict(PollOutcome.DENIED, "0104 账号信息错误"),
    "0106": Verdict(PollOutcome.DENIED, "0106 账号密码错误"),
    "0107": Verdict(PollOutcome.DENIED, "0107 账号金额或信用额度不足"),
    "0108": Verdict(PollOutcome.DENIED, "0108 IP 未在白名单中"),
    "0110": Verdict(PollOutcome.REFUSED, "0110 目标号码格式错误或群发号码数量超过 100 个"),
    "0111": Verdict(PollOutcome.REFUSED, "0111 发送内容不能为空"),
    "0112": Verdict(PollOutcome.REFUSED, "0112 下发国内号码没有对应模板"),
    "0600": Verdict(PollOutcome.FAILED, "0600 未知错误"),
}
#: The document spells the error code's name in each of these ways.
_ERROR_NAMES: Final = ("errcode", "errode", "mterrcode", "mtterrcode", "mterrocode")
_NO_ERROR: Final = frozenset({"", "0", "000"})
_NO_REPORT: Final = "none"


def _request(path: str, asking: polling.Asking, **fields: str) -> polling.PollRequest:
    return polling.PollRequest(method="GET", path=path, query=urlencode({**asking.credentials, **fields}))


def _is_number(recipient: str) -> bool:
    return recipient.removeprefix("+").isdecimal()


def _query(asking: polling.Asking) -> polling.PollRequest:
    [subject] = asking.subjects
    number = subject.recipient.removeprefix("+")
    named = {"da": number} if _is_number(number) else {}  # the store may keep it masked or hashed
    return _request("/get-rptstatus", asking, msgid=subject.message_id, **named)


def _judge(status: int, body: bytes) -> Verdict:
    verdict = polling.judge_status(status)
    fields = read.first_object(body) or read.pairs(body)
    error = next((str(fields[name]).strip() for name in _ERROR_NAMES if fields.get(name)), "")
    if error in _NO_ERROR:
        return verdict
    return ERRORS.get(error) or Verdict(PollOutcome.FAILED, f"error code {error[:8]}")


def _read_answer(callback: Callback, subjects: Sequence[polling.Subject]) -> Sequence[Item]:
    """Read an answer to get-rptstatus, without the messages that have no report yet."""
    elements = [
        (where, element)
        for where, element in read.json_elements(read.body(callback))
        if _mtstat(read.json_object(element, where), where) != _NO_REPORT
    ]
    asked = subjects[0] if len(subjects) == len(elements) == 1 else None
    return read.each(
        elements,
        lambda where, element: _answer(callback, asked, where, element),
        keep=lambda element: _with_question(asked, element),
    )


def _mtstat(fields: read.Fields, where: str) -> str:
    return read.filled(fields, "mtstat", where).lower()


def _answer(callback: Callback, asked: polling.Subject | None, where: str, element: msgspec.Raw) -> DeliveryReport:
    """Read one answer as about the message `asked`, even if it names another, as the document's own example does."""
    fields = read.json_object(element, where)
    named = polling.Subject(read.optional(fields, "msgid", where), read.optional(fields, "da", where))
    subject = asked or named
    if named.recipient and not _is_number(subject.recipient):  # the store keeps it masked or hashed
        subject = subject._replace(recipient=named.recipient)
    if not (subject.message_id and subject.recipient):
        raise MalformedError(Fault.MISSING_FIELD, f"{where}.msgid", "is missing, or da is")
    mtstat = _mtstat(fields, where)
    return delivery_report(
        callback,
        PARSER,
        words=_polled_words(subject.message_id, subject.recipient, mtstat),
        message_id=subject.message_id,
        number=_number(callback.account, subject.recipient),
        meaning=find_meaning(f"poll:{mtstat}", CODES, callback.account.codes),
        provider_status=mtstat,
        occurred_at=None,
        notes=(Note.ANSWER_DIFFERS,) if _differs(named, subject) else (),
        raw=_with_question(subject, element).decode(),
    )


def _with_question(asked: polling.Subject | None, element: msgspec.Raw) -> bytes:
    return msgspec.json.encode({"asked": asked._asdict() if asked else {}, "answer": element})


def _differs(named: polling.Subject, subject: polling.Subject) -> bool:
    return (named.message_id or subject.message_id) != subject.message_id or (
        spell_chinese_number(named.recipient or subject.recipient) != spell_chinese_number(subject.recipient)
    )


def reread(callback: Callback) -> DeliveryReport:
    """Read a report's `raw`: the parameters of a callback, or an answer beside its question."""
    if not read.holds_json(callback.body):
        return _from_parameters(callback, callback.body, "body")
    members = read.json_members(callback.body)
    asked = read.json_object(read.member(members, "asked"), "$.asked")
    subject = polling.Subject(
        read.optional(asked, "message_id", "$.asked"), read.optional(asked, "recipient", "$.asked")
    )
    return _answer(callback, subject if all(subject) else None, "$.answer", read.member(members, "answer"))


PROVIDER: Final = Provider(
    parser=PARSER,
    parse=parse,
    reread=reread,
    identity=Identity(
        words=("msgid", "da", "callback or poll", "state (poll: mtstat)", "code"),
        because=(
            "there is no time, so that only state and code tell two reports on one message apart; an answer to a poll "
            "has an id of its own, which the callback with the same result supersedes"
        ),
        document="闪通国际短信通道平台 用户 API 手册, sections 4.3 and 4.6",
    ),
    methods=("GET", "POST"),
    codes=CODES,
    speaks_smpp=True,
    code_of=_code_of,
    code_form="state|code",
    poll=polling.Poll(
        credentials=("cpid", "cppwd"),
        url="https://api2.santo.cc",
        sizes=polling.Sizes(1, 1, 1),
        judge=_judge,
        by_message=polling.PollQuestion("get-rptstatus", _query, _read_answer),
        balance=polling.Balance(lambda asking: _request("/verifyPhoneNumber", asking), read.balance),
    ),
)
