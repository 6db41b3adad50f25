"""
cmessages (财信): sends no callbacks, and has to be polled.

Source: 《财信CM接口文档》, 短信查询 (`POST /sms/query`): the answer is an array of id, mobile and message_status, with
neither a code nor a time. Numbers are mainland China's. 认证: every request is signed, with Beijing's time. Status Code
and Error Codes: the answers to failed requests; the document does not say where in the body the code is.
"""

import hashlib
import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from normalizers import polling, read
from normalizers.codes import find_meaning
from normalizers.identity import Identity
from normalizers.model import Callback, Code, CodeTable, DeliveryReport, Item, Reason, Status
from normalizers.msisdn import read_number
from normalizers.polling import PollOutcome, Verdict
from normalizers.provider import Provider
from normalizers.records import Parser, delivery_report
from normalizers.spelling import spell_chinese_number, spell_code

PARSER: Final = Parser("cmessages", version=1, identity=1)

CODES: Final = CodeTable(
    {
        "0": Code(Status.DELIVERED, None, "成功", "Delivered"),
        "1": Code(Status.SCHEDULED, None, "等待", "Waiting"),
        "2": Code(Status.ENROUTE, None, "发送中", "Being sent"),
        "3": Code(Status.UNDELIVERABLE, Reason.UNKNOWN, "发送失败", "Not delivered"),
    },
    document="财信CM接口文档, 短信查询",
)

#: Error Codes: why a request failed. Any other code means that the request itself is at fault.
_ERRORS: Final = {
    "1009": Verdict(PollOutcome.DENIED, "1009 余额不足"),
    "1010": Verdict(PollOutcome.DENIED, "1010 账号锁定"),
    "1011": Verdict(PollOutcome.FAILED, "1011 系统错误"),
}
_ERROR: Final = re.compile(rb"(?<!\d)(?:100[1236-9]|101[01])(?!\d)")
_STATUSES: Final = {
    401: Verdict(PollOutcome.DENIED, "HTTP 401: the app id is invalid or locked"),
    403: Verdict(PollOutcome.DENIED, "HTTP 403: the signature was rejected (app_key, or this machine's clock)"),
}

_REGION: Final = "CN"


def parse(callback: Callback) -> Sequence[Item]:
    """Read an answer to a query; it is an empty array if none of the messages is known."""
    elements = read.json_elements(read.body(callback))
    return read.each(elements, lambda where, element: _report(callback, where, element))


def _report(callback: Callback, where: str, element: msgspec.Raw) -> DeliveryReport:
    fields = read.json_object(element, where)
    status = read.filled(fields, "message_status", where)
    region = callback.account.default_region or _REGION
    message_id = read.filled(fields, "id", where)
    mobile = read.filled(fields, "mobile", where)
    return delivery_report(
        callback,
        PARSER,
        words=(message_id, spell_chinese_number(mobile), spell_code(status)),
        message_id=message_id,
        number=read_number(mobile, default_region=region, international=False),
        meaning=find_meaning(status, CODES, callback.account.codes),
        provider_status=status,
        occurred_at=None,
        raw=bytes(element).decode(),
    )


def reread(callback: Callback) -> DeliveryReport:
    """Read a report's `raw`: one element of an answer."""
    return _report(callback, "$", msgspec.Raw(callback.body))


def _request(path: str, asking: polling.Asking, **fields: Any) -> polling.PollRequest:
    """Return a signed request: md5 of app_id, Beijing's time in 14 digits, and app_key, in lower case."""
    app_id = asking.credentials["app_id"]
    stamp = f"{asking.at.astimezone(read.UTC_8):%Y%m%d%H%M%S}"
    signed = f"{app_id}{stamp}{asking.credentials['app_key']}".encode()
    sign = hashlib.md5(signed, usedforsecurity=False).hexdigest()
    body = {"app_id": app_id, "datetime": int(stamp), "sign": sign, **fields}
    return polling.PollRequest(
        method="POST", path=path, body=msgspec.json.encode(body), content_type="application/json"
    )


def _query(asking: polling.Asking) -> polling.PollRequest:
    ids = list(dict.fromkeys(subject.message_id for subject in asking.subjects))
    return _request("/sms/query", asking, id_list=ids)


def _judge(status: int, body: bytes) -> Verdict:
    verdict = _STATUSES.get(status) or polling.judge_status(status)
    is_error = verdict.outcome is PollOutcome.REFUSED or (
        verdict.outcome is PollOutcome.ANSWERED and _has_no_result(read.first_object(body))
    )
    error = _ERROR.search(body) if is_error else None
    if error is None:
        return verdict
    code = error[0].decode()
    return _ERRORS.get(code) or Verdict(PollOutcome.REFUSED, f"error code {code}")


def _has_no_result(fields: read.Fields) -> bool:
    """Tell whether an answer under HTTP 200 is an error: an object without a result."""
    return bool(fields) and fields.keys().isdisjoint({"message_status", "balance"})


PROVIDER: Final = Provider(
    parser=PARSER,
    parse=parse,
    reread=reread,
    identity=Identity(
        words=("id", "mobile", "message_status"),
        because="an answer has no other fields, and an unchanged message that is asked about again is the same report",
        document="财信CM接口文档, 短信查询",
    ),
    methods=(),
    codes=CODES,
    home=_REGION,
    poll=polling.Poll(
        credentials=("app_id", "app_key"),
        url="https://api.cmessages.com",
        sizes=polling.Sizes(1, 100, 1000),
        judge=_judge,
        by_message=polling.PollQuestion("query", _query, lambda callback, _: parse(callback)),
        balance=polling.Balance(lambda asking: _request("/sms/get_balance", asking), read.balance),
    ),
)
