"""Event ids: which callbacks are the same report."""

import json
import re
from collections.abc import Mapping
from typing import Any, Literal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalizers import PROVIDERS
from normalizers.identity import event_id
from normalizers.model import Account, Callback, DeliveryReport, InboundMessage, Item, Source, Status
from normalizers.polling import Subject
from normalizers.testing.examples import RECEIVED_AT


def parsed(provider: str, body: Any = b"", *, method: str = "POST", query: str = "", account: str = "default") -> Item:
    """Read a callback that holds one item; a body that is no bytes is sent as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    callback = Callback(
        account=Account(name=account), method=method, query=query.encode(), body=content, received_at=RECEIVED_AT
    )
    [item] = PROVIDERS[provider].parse(callback)
    return item


def id_of(provider: str, body: Any = b"", **how: str) -> str:
    """Return the id of a callback's one item."""
    item = parsed(provider, body, **how)
    assert isinstance(item, (DeliveryReport, InboundMessage))
    return item.event_id


@given(one=st.lists(st.text(), min_size=2), two=st.lists(st.text(), min_size=2))
def test_words_are_joined_without_ambiguity(one: list[str], two: list[str]) -> None:
    """The words of an id can't run together, two kinds of records never share one, and it is written like a UUID."""
    first, second = (event_id(provider, account, words) for provider, account, *words in (one, two))
    assert (first == second) == (one == two)
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", first)
    kinds: tuple[Literal["report", "inbound", "submission"], ...] = ("report", "inbound", "submission")
    assert len({event_id(one[0], one[1], one[2:], kind) for kind in kinds}) == 3


CM = {
    "CREATED_S": "2025-11-20 12:00:00",
    "DATETIME_S": "2025-11-20 12:00:05",
    "GSM": "00447400123456",
    "REFERENCE": "A-1",
    "STATUS": "3",
    "STATUSDESCRIPTION": "24",
}


def cm_get(**changed: str) -> str:
    """Return the id of a report by GET that differs from `CM`."""
    return id_of("cm", method="GET", query="&".join(f"{name}={value}" for name, value in {**CM, **changed}.items()))


def cm_post(operator: str = "", **changed: Any) -> str:
    """Return the id of the report `CM` by POST, as the document writes it, or of one that differs from it."""
    message = {
        "received": "2025-11-20T12:00:00",
        "to": "+447400123456",
        "reference": "A-1",
        "status": {"code": "3", "errorCode": "24", "errorDescription": "Absent"},
        "operator": operator,
        **changed,
    }
    return id_of("cm", {"messages": {"msg": message}})


def test_a_cm_report_is_one_by_get_and_by_post() -> None:
    """CM's GET and POST of a report have the same id: `received` is CREATED_S, and only GET has DATETIME_S."""
    assert cm_get() == cm_post() == cm_post(operator="23410") == cm_get(OPERATOR="23410")


#: Other spellings of the values in `CM`, or fields that do not identify a report; and values of other reports.
SAME = {
    "CREATED_S": "2025-11-20T12:00:00 20251120120000 2025-11-20T12:00:00Z 2025-11-20T13:00:00%2B01:00"
    " 2025-11-20T13:00:00+01:00 2025-11-20T12:00:00.000",
    "GSM": "%2B447400123456 447400123456 44.7400-123456",
    "STATUS": "+3+",
    "STANDARDERRORTEXT": "Absent+subscriber",
    "DATETIME_S": "2025-11-20T12:00:09",
}
OTHER = {
    "CREATED_S": "2025-11-20T12:00:01 2025-11-20T12:00:00.5",
    "GSM": "00447400123457",
    "REFERENCE": "A-2 a-1",
    "STATUS": "1",
    "STATUSDESCRIPTION": "25",
}


@pytest.mark.parametrize(
    ("same", "name", "value"),
    [
        (values is SAME, name, value)
        for values in (SAME, OTHER)
        for name, texts in values.items()
        for value in texts.split()
    ],
)
def test_the_identity_of_a_cm_report(name: str, value: str, *, same: bool) -> None:
    """A CM report is identified by CREATED_S, number, REFERENCE, status and error code, in whatever spelling."""
    assert (cm_get(**{name: value}) == cm_get()) is same


def test_cm_messages_without_a_reference_are_told_apart() -> None:
    """Without a REFERENCE, CREATED_S tells CM's messages to one number apart, or else the operator or DATETIME_S."""
    alike = {"REFERENCE": "", "CREATED_S": ""}
    first = cm_get(**alike)
    assert cm_get(**alike, DATETIME_S="2025-11-20 12:00:06") != first
    assert cm_get(**alike, OPERATOR="23410") != first
    assert cm_get(REFERENCE="", CREATED_S="2025-11-20 12:00:01") != cm_get(REFERENCE="")
    assert cm_get(CREATED_S="") != cm_get()


def test_reports_on_one_cm_message_share_its_message_stamp() -> None:
    """All reports on one CM message have one message_stamp; messages that share a REFERENCE have different ones."""
    accepted = parsed("cm", method="GET", query="CREATED_S=2025-11-20T12:00:00Z&GSM=1&REFERENCE=otp&STATUS=0")
    delivered = parsed(
        "cm", {"messages": {"msg": {"received": "2025-11-20 12:00:00", "to": "1", "status": {"code": 2}}}}
    )
    assert isinstance(accepted, DeliveryReport)
    assert isinstance(delivered, DeliveryReport)
    assert accepted.message_stamp == delivered.message_stamp == "2025-11-20T12:00:00"


JUHE = {"flag": 1, "mid": "M1", "mobile": "13800138000", "stat": "DELIVRD", "time": "2017-04-12 01:38:21"}
INBOUND = {"flag": 0, "mid": "M1", "mobile": "13800138000", "content": "TD", "time": "2017-04-12 01:38:21"}


@pytest.mark.parametrize("item", [JUHE, INBOUND], ids=["report", "inbound"])
@pytest.mark.parametrize(
    "changed",
    [
        {"accessCode": "106901234"},
        {"mobile": "8613800138000"},
        {"mobile": "+8613800138000"},
        {"mobile": "008613800138000"},
        {"mobile": 13800138000},
        {"mobile": 13800138000.0},
        {"time": "2017-04-12T01:38:21"},
        {"time": "2017-04-12T01:38:21+08:00"},
        {"time": "20170412013821"},
        {"spid": "1"},
    ],
    ids=str,
)
def test_a_juhe_item_in_another_spelling_is_the_same(item: dict[str, Any], changed: dict[str, Any]) -> None:
    """An access code, or another spelling of number or time, does not change the id of a Juhe item."""
    assert id_of("juhe", [{**item, **changed}]) == id_of("juhe", [item])


@pytest.mark.parametrize(
    ("item", "name"), [(item, name) for item in (JUHE, INBOUND) for name in item if name != "flag"]
)
def test_another_juhe_item_is_another(item: dict[str, Any], name: str) -> None:
    """A report of Juhe with another id, number, code or time is another one, and so is an inbound message."""
    assert id_of("juhe", [{**item, name: "1"}]) != id_of("juhe", [item])


def cloudsms(result: Mapping[str, Any] = {}, **changed: Any) -> str:
    """Return the id of a CloudSMS report; a member that is None is left out."""
    envelope = {
        "METHOD": "SMS_PUSH_REPORT",
        "TYPE": "REQUEST",
        "SERIAL": 1,
        "TIME": "2025-11-20 20:00:07",
        "SMS_UID": "UID",
        "SOURCE_MSISDN": "CloudSMS",
        "SMS_RESULT_LIST": [
            {"COUNTRY_CODE": 49, "DEST_MSISDN": "15112345678", "SMS_STATE": 2, "RESULT_DESC": "DELIVERED", **result}
        ],
        **changed,
    }
    return id_of("cloudsms", envelope)


@pytest.mark.parametrize("reported", [{}, {"REPORT_TIME": "2025-11-20 20:00:05"}], ids=["without", "with REPORT_TIME"])
@pytest.mark.parametrize(
    ("result", "changed"),
    [
        ({}, {"TIME": "2025-11-20 20:10:07"}),
        ({}, {"SERIAL": 2}),
        ({}, {"SOURCE_MSISDN": ""}),
        ({}, {"CUSTOMER_BODY": {"a": 1}}),
        ({"DEST_MSISDN": "4915112345678"}, {}),
        ({"DEST_MSISDN": "+4915112345678"}, {}),
        ({"DEST_MSISDN": "004915112345678"}, {}),
        ({"DEST_MSISDN": "015112345678"}, {}),
        ({"COUNTRY_CODE": "+49"}, {}),
        ({"COUNTRY_CODE": "0049"}, {}),
        ({"SMS_STATE": "2"}, {}),
        ({"SMS_STATE": 2.0}, {}),
        ({"RESULT_DESC": "delivered"}, {}),
    ],
)
def test_a_cloudsms_report_in_another_packet_is_the_same(
    result: dict[str, Any], changed: dict[str, Any], reported: dict[str, Any]
) -> None:
    """A report that CloudSMS sends again, in a packet with another TIME and SERIAL, is the same report."""
    assert cloudsms(result, **changed, **reported) == cloudsms(**reported)


def test_another_cloudsms_report_is_another() -> None:
    """A report of CloudSMS that differs in message, number, state or REPORT_TIME is another one."""
    reports = {
        cloudsms(),
        cloudsms(SMS_UID="uid"),
        cloudsms({"DEST_MSISDN": "15112345679"}),
        cloudsms({"COUNTRY_CODE": 43}),
        cloudsms({"SMS_STATE": 1}),
        cloudsms(REPORT_TIME="2025-11-20 20:00:05"),
        cloudsms(REPORT_TIME="2025-11-20 20:00:06"),
    }
    assert len(reports) == 7


def santo(state: str, code: str, da: str = "8613910825657") -> DeliveryReport:
    """Return a Santo callback's report."""
    report = parsed("santo", method="GET", query=f"command=RT_REQUEST&msgid=M1&da={da}&rsm=M1|{state}|{code}||")
    assert isinstance(report, DeliveryReport)
    return report


def santo_polled(
    mtstat: str, account: str = "default", recipient: str = "+8613910825657", da: str = "8615711586282"
) -> DeliveryReport:
    """Return the report in Santo's answer about the message `M1`; `da` is the number that the answer names."""
    answer = [{"cpid": "Test101", "errcode": "000", "mtstat": mtstat, "msgid": "M1", "da": da}]
    callback = Callback(
        account=Account(name=account),
        method="GET",
        body=orjson.dumps(answer),
        received_at=RECEIVED_AT,
        source=Source.POLL,
    )
    poll = PROVIDERS["santo"].poll
    assert poll is not None
    assert poll.by_message is not None
    [report] = poll.by_message.read(callback, [Subject("M1", recipient)])
    assert isinstance(report, DeliveryReport)
    return report


@pytest.mark.parametrize(
    ("mtstat", "state", "code"),
    [("success", "0", "DELIVRD"), ("failed", "400", "401"), ("failed", "500", "501"), ("SUCCESS", "0", "delivrd")],
)
def test_a_santo_callback_supersedes_the_answer_that_says_the_same(mtstat: str, state: str, code: str) -> None:
    """A Santo callback supersedes the answer to a poll with the same result, so that the result counts once."""
    polled = santo_polled(mtstat)
    for da in ("8613910825657", "13910825657", "%2B8613910825657"):
        callback = santo(state, code, da)
        assert callback.supersedes == polled.event_id
        assert callback.event_id != polled.event_id
    assert polled.supersedes is None


def test_an_answer_about_a_masked_number_is_superseded_too() -> None:
    """If the store keeps numbers masked, the id is made of the number in the answer, so that it is superseded, too."""
    masked = santo_polled("success", recipient="+86*********57", da="8613910825657")
    assert masked.event_id == santo("0", "DELIVRD").supersedes
    assert masked.recipient == "+8613910825657"
    assert masked.notes == ()


def test_a_santo_callback_supersedes_nothing_else() -> None:
    """A Santo callback does not supersede an answer with another result or of another account."""
    delivered = santo("0", "DELIVRD")
    assert delivered.supersedes != santo_polled("failed").event_id
    assert delivered.supersedes != santo_polled("success", account="other").event_id
    assert santo("1", "X").supersedes is None


def test_two_santo_callbacks_of_one_message_are_two_reports() -> None:
    """Callbacks on one message with different codes are two reports, though both supersede the same answer."""
    first, second = santo("400", "401"), santo("400", "402")
    assert first.event_id != second.event_id
    assert first.supersedes == second.supersedes
    assert santo("0", "delivrd").event_id == santo("0", "DELIVRD").event_id


def test_an_answer_of_santo_is_about_the_message_that_was_asked_about() -> None:
    """If Santo's answer names another number than the question, the report has the question's, and a note."""
    report = santo_polled("success")
    assert (report.message_id, report.recipient) == ("M1", "+8613910825657")
    assert report.notes == ("answer_differs",)


def test_an_id_never_changes() -> None:
    """Ids never change between versions, so that a report that is repeated after an update is still the same."""
    ids = {
        "cm": cm_get(),
        "juhe": id_of("juhe", [JUHE]),
        "juhe inbound": id_of("juhe", [INBOUND]),
        "santo": santo("0", "DELIVRD").event_id,
        "santo polled": santo_polled("success").event_id,
        "cloudsms": cloudsms(),
        "cmessages": id_of("cmessages", [{"id": "522", "mobile": "17072440811", "message_status": 1}]),
    }
    assert ids == {
        "cm": "e7a33bb1-2ea2-5f9f-467d-c779345c994f",
        "juhe": "5587be97-d857-9c72-ff1e-99bd0d861640",
        "juhe inbound": "55ef793b-038a-fc19-3f5e-d50fb21348b6",
        "santo": "a9fb462b-4cdc-2cca-7379-7dbcc1214c30",
        "santo polled": "c83636bb-f854-7637-c281-2212e19aaa8a",
        "cloudsms": "5c060606-0afd-c92b-926a-e51f4e4cff68",
        "cmessages": "c5a3d787-3aef-bc16-aba0-f69a112c2d50",
    }


@pytest.mark.parametrize(
    ("state", "word", "status"),
    [
        ("500", "UNDELIV", Status.UNDELIVERABLE),
        ("400", "EXPIRED", Status.EXPIRED),
        ("0", "ACCEPTD", Status.ACCEPTED),
        ("7", "REJECTD", Status.REJECTED),
        ("", "DELIVRD", Status.DELIVERED),
        ("400", "DELIVRD", Status.UNKNOWN),
        ("0", "UNDELIV", Status.UNKNOWN),
        ("500", "ACCEPTD", Status.UNKNOWN),
    ],
)
def test_a_word_that_contradicts_its_state_is_ignored(state: str, word: str, status: Status) -> None:
    """A Santo code that is one of SMPP's words is read as such unless it contradicts the state."""
    report = santo(state, word)
    assert report.status is status
    assert report.unmapped == (status is Status.UNKNOWN)


def test_the_word_unknown_is_in_a_table() -> None:
    """SMPP's word UNKNOWN is read beside every Santo state, and is not counted as unmapped."""
    assert [santo(state, "UNKNOWN").unmapped for state in ("0", "400", "500")] == [False, False, False]
