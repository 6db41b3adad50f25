"""Replies to callbacks that are not covered by the example requests."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from normalizers import PROVIDERS
from normalizers.errors import Fault, MalformedError
from normalizers.model import Account, Callback
from normalizers.provider import PLAIN_TEXT, Reply

CALLBACK = Callback(
    account=Account(), method="POST", body=b'{"SERIAL":2}', received_at=datetime(2025, 12, 31, 16, 0, 1, tzinfo=UTC)
)


def answer(reply: Reply) -> dict[str, Any]:
    """Return an ANSWER's fields."""
    assert reply.content_type == "application/json"
    fields: dict[str, Any] = json.loads(reply.body)
    return fields


@pytest.mark.parametrize("name", sorted(name for name in PROVIDERS if PROVIDERS[name].replies is PLAIN_TEXT))
def test_a_plain_answer_is_one_line(name: str) -> None:
    """A provider whose document names no format gets one line of plain text, with the fault and its place."""
    replies = PROVIDERS[name].replies
    assert replies.stored(CALLBACK) == Reply(200, b"OK")
    assert replies.forbidden(CALLBACK).status == 403
    error = MalformedError(Fault.MISSING_FIELD, "$[2].mid", "is missing")
    assert replies.malformed(CALLBACK, error) == Reply(400, b"$[2].mid: is missing")
    for reply in (replies.forbidden(CALLBACK), replies.busy(CALLBACK)):
        assert reply.content_type == "text/plain"
        assert reply.body
        assert b"\n" not in reply.body


def test_cloudsms_is_answered_in_its_time() -> None:
    """An ANSWER's TIME is UTC+8, its RESULT_CODE and RESULT_DESC are the document's."""
    common = {"METHOD": "SMS_PUSH_REPORT", "TYPE": "ANSWER", "SERIAL": 2, "TIME": "2026-01-01 00:00:01"}
    replies = PROVIDERS["cloudsms"].replies
    assert answer(replies.stored(CALLBACK)) == common | {"RESULT_CODE": 1, "RESULT_DESC": "OK"}
    assert answer(replies.busy(CALLBACK)) == common | {"RESULT_CODE": 3, "RESULT_DESC": "Busy"}
    assert answer(replies.forbidden(CALLBACK)) == common | {"RESULT_CODE": 5, "RESULT_DESC": "Channel_not_exist"}


@pytest.mark.parametrize(
    ("why", "code", "desc"),
    [
        (Fault.EMPTY, 4, "Empty_data"),
        (Fault.NOT_JSON, 0x10000003, "Invalid_context"),
        (Fault.MISSING_FIELD, 0x10000007, "Lost_info"),
        (Fault.BAD_VALUE, 0x10000001, "Invalid_parameter"),
        (Fault.PARSER_ERROR, 2, "Unknown_error"),
        (Fault.REFUSED_BY_STORE, 2, "Unknown_error"),
    ],
)
def test_cloudsms_is_told_what_is_wrong(why: Fault, code: int, desc: str) -> None:
    """Every fault has a RESULT_CODE, and a RESULT_DESC of printable ASCII that is not too long."""
    replies = PROVIDERS["cloudsms"].replies
    reply = replies.malformed(CALLBACK, MalformedError(why, "$.TIME", "is 时\n" + 200 * "x"))
    assert reply.status == 400
    assert answer(reply)["RESULT_CODE"] == code
    assert answer(reply)["RESULT_DESC"] == f"{desc}: $.TIME: is ??{200 * 'x'}"[:127]
