"""How each provider is asked, and what its answers mean: by the documents' own examples."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from normalizers import PROVIDERS
from normalizers.errors import MalformedError
from normalizers.model import Account, Callback, DeliveryReport, InboundMessage, Reason, Reject, Source, Status
from normalizers.polling import Asking, Poll, PollOutcome, PollQuestion, Subject

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
CREDENTIALS = {
    "cmessages": {"app_id": "dpnR9ekVE4TKmxBfuY", "app_key": "22QGd7h8WRn9wkEar63xcDU8fLq4KTtv"},
    "santo": {"cpid": "Test101", "cppwd": "Test101&x"},
    "juhe": {"account": "922011", "password": "123456"},
}


def poll_of(provider: str) -> Poll:
    """Return how a provider is asked."""
    poll = PROVIDERS[provider].poll
    assert poll is not None
    return poll


def asking(provider: str, *subjects: Subject, at: datetime = NOON, size: int = 0) -> Asking:
    """Make what goes into a request."""
    return Asking(credentials=CREDENTIALS[provider], at=at, size=size, subjects=subjects)


def question(provider: str, name: str) -> PollQuestion:
    """Return one of the questions that a provider answers."""
    poll = poll_of(provider)
    return next(found for found in (*poll.mailbox, poll.by_message) if found is not None and found.name == name)


def read(provider: str, name: str, body: Any, *subjects: Subject) -> list[Any]:
    """Read an answer."""
    answer = Callback(account=Account(), method="POST", body=orjson.dumps(body), received_at=NOON, source=Source.POLL)
    return list(question(provider, name).read(answer, subjects))


def judged(provider: str, status: int, body: Any) -> PollOutcome:
    """Tell what an answer says of its request."""
    return poll_of(provider).judge(status, body if isinstance(body, bytes) else orjson.dumps(body)).outcome


def test_cmessages_signs_as_its_document_does() -> None:
    """The signature of the document's example is the document's, whatever the machine's time zone."""
    at = datetime(2018, 11, 9, 15, 12, 2, tzinfo=UTC)
    request = question("cmessages", "query").request(asking("cmessages", Subject("522", ""), at=at))
    assert orjson.loads(request.body) == {
        "app_id": "dpnR9ekVE4TKmxBfuY",
        "datetime": 20181109231202,
        "sign": "dced8a6315bebab0c8df0c7bab341919",
        "id_list": ["522"],
    }
    assert (request.method, request.path, request.content_type) == ("POST", "/sms/query", "application/json")


def test_cmessages_asks_for_the_balance_with_the_same_signature() -> None:
    """The request for the balance is signed in the same way."""
    at = datetime(2018, 11, 9, 15, 12, 2, tzinfo=UTC)
    balance = poll_of("cmessages").balance
    assert balance is not None
    request = balance.request(asking("cmessages", at=at))
    assert request.path == "/sms/get_balance"
    assert orjson.loads(request.body)["sign"] == "dced8a6315bebab0c8df0c7bab341919"
    assert balance.read(b'{"balance": 10}') == 10


def test_cmessages_names_each_message_once() -> None:
    """A message to several recipients is one id."""
    request = question("cmessages", "query").request(asking("cmessages", Subject("5", "+1"), Subject("5", "+2")))
    assert orjson.loads(request.body)["id_list"] == ["5"]


@pytest.mark.parametrize(
    ("status", "means"),
    [(0, Status.DELIVERED), (1, Status.SCHEDULED), (2, Status.ENROUTE), (3, Status.UNDELIVERABLE), (9, Status.UNKNOWN)],
)
def test_cmessages_states(status: int, means: Status) -> None:
    """Every state of the document has its status; another one is unknown, and said to be."""
    [report] = read("cmessages", "query", [{"id": 522, "mobile": "17072440811", "message_status": status}])
    assert (report.status, report.message_id, report.recipient) == (means, "522", "+8617072440811")
    assert (report.source, report.occurred_at, report.unmapped) == (Source.POLL, None, status == 9)


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, [], PollOutcome.ANSWERED),
        (200, [{"id": "1008", "mobile": "1009", "message_status": 1}], PollOutcome.ANSWERED),
        (200, {"balance": 1010}, PollOutcome.ANSWERED),
        (200, {"code": 1010, "message": "账号锁定"}, PollOutcome.DENIED),
        (400, {"code": 1001}, PollOutcome.REFUSED),
        (400, {"code": "1006"}, PollOutcome.REFUSED),
        (400, {"error": {"code": 1008}}, PollOutcome.REFUSED),
        (400, {"code": 1009}, PollOutcome.DENIED),
        (400, {"code": 1010}, PollOutcome.DENIED),
        (400, {"code": 1011}, PollOutcome.FAILED),
        (400, b"1011", PollOutcome.FAILED),
        (400, b"", PollOutcome.REFUSED),
        (422, {"id_list": "required"}, PollOutcome.REFUSED),
        (401, b"", PollOutcome.DENIED),
        (403, {"message": "sign error"}, PollOutcome.DENIED),
        (404, b"", PollOutcome.DENIED),
        (302, b"", PollOutcome.DENIED),
        (429, b"", PollOutcome.RATE_LIMITED),
        (500, b"", PollOutcome.FAILED),
        (502, b"<html>", PollOutcome.FAILED),
    ],
)
def test_cmessages_errors(status: int, body: Any, outcome: PollOutcome) -> None:
    """Every HTTP status and error code of the document says whether, and when, to ask again."""
    assert judged("cmessages", status, body) is outcome


def test_santo_is_asked_by_message_and_recipient() -> None:
    """A Santo message is asked for as the document's example does, its secrets percent-encoded."""
    request = question("santo", "get-rptstatus").request(asking("santo", Subject("054322165bafe3", "+8613910825657")))
    assert (request.method, request.path) == ("GET", "/get-rptstatus")
    assert request.query == "cpid=Test101&cppwd=Test101%26x&msgid=054322165bafe3&da=8613910825657"


ANSWER = {"cpid": "Test101", "errcode": "000", "msgid": "054322165bafe3", "da": "8615711586282"}


@pytest.mark.parametrize(
    ("mtstat", "status", "reason"),
    [
        ("success", Status.DELIVERED, None),
        ("Failed", Status.UNDELIVERABLE, Reason.UNKNOWN),
        ("else", Status.UNKNOWN, None),
    ],
)
def test_santo_states(mtstat: str, status: Status, reason: Reason | None) -> None:
    """An answer about a Santo message says its state, and neither a code nor a time."""
    [report] = read("santo", "get-rptstatus", [{**ANSWER, "mtstat": mtstat}])
    assert (report.status, report.reason, report.provider_status) == (status, reason, mtstat.lower())
    assert (report.provider_code, report.occurred_at, report.source) == ("", None, Source.POLL)
    assert (report.message_id, report.recipient) == ("054322165bafe3", "+8615711586282")


def test_santo_knows_of_no_report() -> None:
    """`none` and an empty array make no report."""
    assert read("santo", "get-rptstatus", [{**ANSWER, "mtstat": "none"}]) == []
    assert read("santo", "get-rptstatus", []) == []


def test_santo_may_leave_out_what_was_asked() -> None:
    """An answer without its message's names is about the message that was asked for."""
    [report] = read("santo", "get-rptstatus", {"mtstat": "success"}, Subject("m-1", "+8613910825657"))
    assert (report.message_id, report.recipient) == ("m-1", "+8613910825657")


@pytest.mark.parametrize(
    ("codes", "outcome"),
    [
        ("000", PollOutcome.ANSWERED),
        ("0100 0101 0110 0111 0112", PollOutcome.REFUSED),
        ("0104 0106 0107 0108", PollOutcome.DENIED),
        ("0600 0999", PollOutcome.FAILED),
    ],
)
@pytest.mark.parametrize("name", ["errcode", "errode", "mterrcode", "mtterrcode", "mterrocode"])
def test_santo_errors(codes: str, outcome: PollOutcome, name: str) -> None:
    """Every error code of section 5.1, however its name is spelled, says whether, and when, to ask again."""
    for code in codes.split():
        for body in ([{name: code, "mtstat": "REJECTD"}], {name: code}, f"command=X&{name}={code}".encode()):
            assert judged("santo", 200, body) is outcome


def test_santo_balance() -> None:
    """The document's example of a balance is read."""
    balance = poll_of("santo").balance
    assert balance is not None
    assert balance.request(asking("santo")).path == "/verifyPhoneNumber"
    assert balance.read(b'{"cpid":"Test101","errcode":"000","mtstat":"ACCEPTD","balance":100.00}') == 100
    with pytest.raises(MalformedError):
        balance.read(b'{"balance": "NaN"}')


@pytest.mark.parametrize("name", ["report", "mo"])
def test_juhe_is_asked_by_post_for_json(name: str) -> None:
    """Juhe is asked with a form, for JSON, and for so many items at most."""
    request = question("juhe", name).request(asking("juhe", size=1000))
    assert (request.method, request.path) == ("POST", "/sms")
    assert request.body == f"action={name}&account=922011&password=123456&rt=json&size=1000".encode()


REPORT = {
    "flag": 1, "mid": "4C36654382720005", "spid": "922011", "accessCode": "106901234", "mobile": "18983437010",
    "stat": "MA:0029", "time": "2017-04-12 01:38:21",
}  # fmt: skip
INBOUND = {
    "flag": 0, "mid": "4C36654382720005", "spid": "922011", "mobile": "18983437010", "content": "上行内容",
    "time": "2017-04-12 01:38:21",
}  # fmt: skip


@pytest.mark.parametrize("status", ["0", 0, None])
def test_juhe_reports(status: object) -> None:
    """The document's reports are read, whether `status` is text or a number."""
    answer = {"status": status, "balance": -153278040, "list": [REPORT, {**REPORT, "flag": "0", "mid": "6"}]}
    assert judged("juhe", 200, answer) is PollOutcome.ANSWERED
    first, second = read("juhe", "report", answer)
    assert isinstance(first, DeliveryReport)
    assert isinstance(second, DeliveryReport)
    assert (first.status, first.reason, first.source) == (Status.REJECTED, Reason.BLOCKLISTED, Source.POLL)
    assert first.occurred_at == datetime(2017, 4, 11, 17, 38, 21, tzinfo=UTC)


def test_a_juhe_report_is_the_same_whether_pushed_or_pulled() -> None:
    """A report that arrives by callback and by poll is one report."""
    [pulled] = read("juhe", "report", {"status": 0, "list": [REPORT]})
    [pushed] = PROVIDERS["juhe"].parse(
        Callback(account=Account(), method="POST", body=orjson.dumps([REPORT]), received_at=NOON)
    )
    assert isinstance(pushed, DeliveryReport)
    assert pulled.event_id == pushed.event_id


def test_juhe_inbound_messages() -> None:
    """In the answer to `mo` all are inbound messages: the document's second has flag 1, and its text in `stat`."""
    odd = {key: value for key, value in REPORT.items() if key != "accessCode"} | {"stat": "测试内容"}
    items = read("juhe", "mo", {"status": "0", "list": [INBOUND, odd]})
    assert [item.content for item in items if isinstance(item, InboundMessage)] == ["上行内容", "测试内容"]


def test_a_bad_item_of_a_juhe_answer_costs_itself() -> None:
    """The good ones of an answer are read beside a bad one."""
    first, second = read("juhe", "report", {"status": 0, "list": [REPORT, {"mobile": "1"}]})
    assert isinstance(first, DeliveryReport)
    assert isinstance(second, Reject)
    assert second.error.where.startswith("$.list[1]")


def test_an_inbound_message_among_juhe_reports_is_not_lost() -> None:
    """An item in the answer to `report` that can be no report is read as its flag says."""
    [item] = read("juhe", "report", {"status": 0, "list": [INBOUND]})
    assert isinstance(item, InboundMessage)


@pytest.mark.parametrize(
    "body", [{"status": "0", "balance": 1}, {"status": 0, "list": None}, {"status": 0, "list": []}]
)
def test_juhe_may_have_nothing_new(body: Any) -> None:
    """An answer without items is a good answer."""
    assert read("juhe", "report", body) == []


@pytest.mark.parametrize("body", [b"", b"<returnsms><status>0</status></returnsms>", b"{}", b'{"status":0,"list":5}'])
def test_an_answer_that_is_none_cannot_be_read(body: bytes) -> None:
    """XML, nothing, and an object without a list are no answers."""
    answer = Callback(account=Account(), method="POST", body=body, received_at=NOON, source=Source.POLL)
    with pytest.raises(MalformedError):
        question("juhe", "report").read(answer, ())


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (1, PollOutcome.REFUSED),
        (2, PollOutcome.DENIED),
        (3, PollOutcome.DENIED),
        (4, PollOutcome.REFUSED),
        (5, PollOutcome.FAILED),
        (6, PollOutcome.DENIED),
        (7, PollOutcome.DENIED),
        (21, PollOutcome.RATE_LIMITED),
        (100, PollOutcome.FAILED),
        (102, PollOutcome.REFUSED),
        (41, PollOutcome.FAILED),
    ],
)
def test_juhe_errors(status: int, outcome: PollOutcome) -> None:
    """Every status of section 7, as text or as a number, says whether, and when, to ask again."""
    assert judged("juhe", 200, {"status": status}) is outcome
    assert judged("juhe", 200, {"status": str(status)}) is outcome


def test_juhe_balance() -> None:
    """The document's example of a balance is read, in thousandths of a yuan."""
    balance = poll_of("juhe").balance
    assert balance is not None
    assert balance.request(asking("juhe", size=1000)).body == b"action=overage&account=922011&password=123456&rt=json"
    assert balance.read(b'{"status":0,"balance":-153278040,"chargeType":"POSTCHARGE"}') == -153278040


def test_no_verdict_repeats_an_answer() -> None:
    """The detail of a verdict has the code of an answer, never its body."""
    secret = {"status": "s3cret" * 99, "errcode": "s3cret" * 99, "code": "s3cret"}
    for provider in CREDENTIALS:
        for status in (200, 400, 403, 500):
            assert "s3crets3cret" not in poll_of(provider).judge(status, orjson.dumps(secret)).detail
