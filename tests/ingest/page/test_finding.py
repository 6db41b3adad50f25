"""Finding a message on the page: the same as `dlrhub find`, with numbers masked."""

from typing import Any

import orjson
import pytest

from tests.ingest.page.conftest import NUMBERS
from tests.program.running import Program


def _find(program: Program, body: bytes, **headers: str) -> tuple[int, Any]:
    status, answer = program.post(program.admin, "/api/find", body, headers)
    return status, orjson.loads(answer)


@pytest.mark.parametrize("what", ["+8613800138007", "0086 138 0013 8007", " 13800138007 ", "4c36650000000007"])
def test_a_message_is_found_however_it_is_written(program: Program, what: str) -> None:
    """A number in any spelling and a message id lead to a message, its reports, their meaning, and advice; masked."""
    status, found = _find(program, orjson.dumps({"what": what}))
    assert status == 200
    [message] = [each for each in found["messages"] if each["message"]["message_id"].endswith("7")][:1]
    assert message["message"]["recipient"] == "+86•••••••••07"
    [report] = message["reports"]
    assert report["status"] == "rejected"
    assert report["meaning"]["provider"] == "全局黑名单号码"
    assert report["meaning"]["persistence"] == "permanent"
    assert report["answered"] == "acknowledged as stored"
    assert message["advice"] == ["don't send to this number again: it is on a blocklist"]
    assert not [number for number in NUMBERS if number in str(found)]


def test_the_latest_failures_lead_to_their_messages(program: Program) -> None:
    """Each failure of an account names its report, by which its message is found."""
    details = orjson.loads(program.get(program.admin, "/api/account?provider=juhe&account=default")[1])
    failure = details["failures"][0]
    report = f"{failure['received_us']}-{failure['event_id']}"
    status, body = program.get(program.admin, f"/api/message?report={report}")
    assert status == 200
    [message] = orjson.loads(body)["messages"]
    assert message["message"]["message_id"] == failure["message_id"]
    assert report.partition("-")[2] in {each["event_id"] for each in message["reports"]}


def test_a_report_that_is_not_there_is_not_found(program: Program) -> None:
    """An unknown report is answered 404, and what names no report 400."""
    nobody = "1790000000000000-00000000-0000-0000-0000-000000000000"
    assert program.get(program.admin, f"/api/message?report={nobody}")[0] == 404
    assert program.get(program.admin, "/api/message?report=1%20OR%201")[0] == 400


@pytest.mark.parametrize("body", [b"", b"[]", b'{"what": 7}', b'{"what": " "}', orjson.dumps({"what": "7" * 300})])
def test_a_search_for_nothing_is_told(program: Program, body: bytes) -> None:
    """A search without something to look for is answered 400, and says what to send."""
    status, said = _find(program, body)
    assert status == 400
    assert said["error"].startswith(("body: ", "what: "))


def test_pages_of_other_sites_find_nothing(program: Program) -> None:
    """A search that another site's page sends is refused."""
    assert _find(program, b'{"what": "4C3665"}', Origin="http://evil.example")[0] == 403


def test_nothing_is_found_for_what_is_nowhere(program: Program) -> None:
    """For a number that no message has there is an empty answer."""
    status, found = _find(program, orjson.dumps({"what": "+447700900123"}))
    assert (status, found["messages"], found["dead_letters"]) == (200, [], [])
