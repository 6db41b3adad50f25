"""
cmessages (财信): calls nobody back; it has to be asked.

Source: 《财信CM接口文档》, 短信查询 (`POST /sms/query`): the answer is an array of id, mobile and message_status, with
neither a code nor a time. Numbers are mainland China's.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from normalizers import read
from normalizers.model import Callback, Code, CodeTable, DeliveryReport, Item, Provider, Reason, Status
from normalizers.msisdn import read_number
from normalizers.records import delivery_report
from normalizers.replies import PLAIN_TEXT

#: Version of the table and the parser below.
VERSION: Final = 1

CODES: Final = CodeTable(
    {
        "0": Code(Status.DELIVERED, None, "成功"),
        "1": Code(Status.SCHEDULED, None, "等待"),
        "2": Code(Status.ENROUTE, None, "发送中"),
        "3": Code(Status.UNDELIVERABLE, Reason.UNKNOWN, "发送失败"),
    }
)

_REGION: Final = "CN"


def parse(callback: Callback) -> Sequence[Item]:
    """Read an answer to a query; an empty array says that none of the messages is known."""
    elements = read.json_elements(read.body(callback))
    return read.each(elements, lambda where, element: _report(callback, where, element))


def _report(callback: Callback, where: str, element: msgspec.Raw) -> DeliveryReport:
    fields = read.json_object(element, where)
    status = read.filled(fields, "message_status", where)
    region = callback.account.default_region or _REGION
    return delivery_report(
        callback,
        provider=PROVIDER.name,
        normalizer=VERSION,
        message_id=read.filled(fields, "id", where),
        number=read_number(read.filled(fields, "mobile", where), default_region=region, international=False),
        code=CODES.find(status),
        provider_status=status,
        occurred_at=None,
        raw=bytes(element).decode(),
    )


PROVIDER: Final = Provider(name="cmessages", methods=(), codes=CODES, parse=parse, replies=PLAIN_TEXT)
