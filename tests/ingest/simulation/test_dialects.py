"""The callbacks of each played provider are spelled as in its document, and are read as they were meant."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import orjson
import pytest

from ingest.simulation.dialects import DIALECTS, cloudsms, santo
from ingest.simulation.ledger import Ledger, RecordKind
from ingest.simulation.plan import Number, PlannedCallback, PlannedOutcome, PlannedReject, PlannedReport, PlannedRequest
from normalizers.errors import MalformedError
from normalizers.model import Account, DeliveryReport, InboundMessage, Item, Reject, Status
from tests.ingest.simulation.planning import plan, read, written

_DELIVERED = {
    "cm": PlannedOutcome(code="2", status=Status.DELIVERED, weight=1),
    "juhe": PlannedOutcome(code="DELIVRD", status=Status.DELIVERED, weight=1),
    "santo": PlannedOutcome(code="0", error="DELIVRD", status=Status.DELIVERED, weight=1),
    "cloudsms": PlannedOutcome(code="2", text="DELIVERED", status=Status.DELIVERED, weight=1),
}


def _report(provider: str, message_id: str, number: Number, at: datetime | None, seed: int = 0) -> PlannedReport:
    return PlannedReport(
        message_id=message_id, number=number, outcome=_DELIVERED[provider], created_at=at, occurred_at=at, seed=seed
    )


def _forms(provider: str, report: dict[str, Any], account: Account | None = None) -> list[PlannedRequest]:
    """Return a report in many of the forms that its provider has for it."""
    reports = [_report(provider, **report, seed=seed) for seed in range(200)]
    return [written(PlannedCallback(provider, (each,)), account) for each in reports]


def test_santo_writes_its_documents_example() -> None:
    """Santo's example of section 4.3 is written byte for byte."""
    report = _report("santo", "0513594772db8c", Number("CN", 86, "18688888888"), None)
    assert santo.written(report, santo.DOCUMENTED) == PlannedRequest(
        "GET",
        query="command=RT_REQUEST&msgid=0513594772db8c&da=8618688888888&dc=15"
        "&sm=30353133353934373732646238637c307c44454c495652447c7c&rsm=0513594772db8c|0|DELIVRD||",
    )


def test_santo_writes_every_charset() -> None:
    """`sm` is in the charset that `dc` names: GBK, UTF-16BE, Latin-1, and GBK where there is no `dc`."""
    number = Number("CN", 86, "18688888888")
    forms = _forms("santo", {"message_id": "0513594772db8c", "number": number, "at": None})
    pairs = [dict(pair.split("=", 1) for pair in (form.query or form.body.decode()).split("&")) for form in forms]
    charsets = {"15": "gbk", "8": "utf-16-be", "0": "latin-1", None: "gbk"}
    assert {pair.get("dc") for pair in pairs} == set(charsets)
    said = {
        bytes.fromhex(pair["sm"]).decode(charsets[pair.get("dc")])
        for pair in pairs
        if "sm" in pair and len(pair["sm"]) % 2 == 0
    }
    assert said == {"0513594772db8c|0|DELIVRD", "0513594772db8c|0|DELIVRD||"}


def test_juhe_writes_its_documents_example() -> None:
    """A report of section 6.2's example is written with its fields, in its order."""
    number = Number("CN", 86, "18983437011")
    at = datetime(2017, 4, 11, 17, 38, 21, tzinfo=UTC)
    forms = _forms("juhe", {"message_id": "4C36654382720006", "number": number, "at": at})
    example = (
        b'[{"flag":1,"mid":"4C36654382720006","spid":"922011","mobile":"18983437011","stat":"DELIVRD",'
        b'"time":"2017-04-12 01:38:21"}]'
    )
    assert example in [form.body for form in forms]


def test_cloudsms_writes_its_documents_example() -> None:
    """The request of CloudSMS' example has its members, in its order, with its times in UTC+8."""
    number = Number("HK", 852, "67123411")
    reports = [
        _report("cloudsms", "5A3B394096E50X01D1FA163E81BFFF", number, datetime(2026, 11, 20, 12, 0, tzinfo=UTC), seed)
        for seed in range(50)
    ]
    envelopes = [cloudsms.envelope([report], Account()) for report in reports]
    example = next(each for each in envelopes if not each["CUSTOMER_BODY"] and "REPORT_TIME" in each)
    assert list(example) == [
        "METHOD",
        "TYPE",
        "SERIAL",
        "TIME",
        "REPORT_TIME",
        "SOURCE_MSISDN",
        "SMS_UID",
        "SMS_RESULT_LIST",
        "CUSTOMER_BODY",
    ]
    assert example["REPORT_TIME"] == "2026-11-20 20:00:00"
    assert example["SMS_RESULT_LIST"] == [
        {"COUNTRY_CODE": 852, "DEST_MSISDN": "67123411", "SMS_STATE": 2, "RESULT_DESC": "DELIVERED"}
    ]


def test_cm_writes_its_documents_templates() -> None:
    """CM's GET has the document's parameters in their order, and its POST the members of the template."""
    forms = _forms(
        "cm",
        {"message_id": "r1", "number": Number("GB", 44, "7911123456"), "at": datetime(2026, 11, 20, 12, tzinfo=UTC)},
    )
    names = {tuple(pair.partition("=")[0] for pair in form.query.split("&")) for form in forms if form.method == "GET"}
    template = ("CREATED_S", "DATETIME_S", "GSM", "REFERENCE", "STANDARDERRORTTEXT", "STATUS", "STATUSDESCRIPTION")
    assert template in names
    assert b'"msg":{"received":"2026-11-20T12:00:00","to":"00447911123456","reference":"r1","status":{"code":"2",' in (
        b"".join(form.body for form in forms)
    )


def test_cm_names_the_error_text_in_three_ways() -> None:
    """The three spellings of the error text's name all occur."""
    forms = _forms("cm", {"message_id": "r1", "number": Number("GB", 44, "7911123456"), "at": None})
    said = "".join(form.query or form.body.decode() for form in forms)
    assert all(name in said for name in ("STANDARDERRORTEXT", "STANDARDERRORTXT", "STANDARDERRORTTEXT"))


def test_accounts_settings_are_written() -> None:
    """An account's time zone, GET names and AUTH_KEY are what its provider uses."""
    at = datetime(2026, 11, 20, 12, tzinfo=UTC)
    account = Account(timezone=ZoneInfo("America/New_York"), fields={"STATUS": "state"}, auth_key="k" * 88)
    report = {"message_id": "r1", "number": Number("GB", 44, "7911123456"), "at": at}
    gets = [unquote(form.query) for form in _forms("cm", report, account) if form.method == "GET"]
    assert all("2026-11-20 07:00:00" in query and "state=2" in query for query in gets)
    keys = {orjson.loads(form.body)["AUTH_KEY"] for form in _forms("cloudsms", report, account)}
    assert keys == {"k" * 88}


@pytest.mark.parametrize("provider", DIALECTS)
@pytest.mark.parametrize(
    "account",
    [
        Account(),
        Account(timezone=ZoneInfo("America/Sao_Paulo"), auth_key="k"),
        Account(fields={"STATUS": "state", "GSM": "to"}),
    ],
)
def test_what_is_said_is_what_is_read(provider: str, account: Account) -> None:
    """Every callback reads as exactly what was meant by it, and every spoiled one is refused for its own fault."""
    ledger = Ledger()
    found = set()
    for callback in plan(provider, malformed=0.1):
        if callback.spoil is None:
            ledger.record(callback, acknowledged=True)
            found |= {_row(item) for item in read(callback, account)} - {None}
        elif account.auth_key is None or callback.spoil.authentic:
            with pytest.raises(MalformedError) as refused:
                read(callback, account)
            assert refused.value.why == callback.spoil.why
    meant = {
        row for kept in (RecordKind.REPORTS, RecordKind.INBOUND) for row, _ in ledger.rows(kept, provider, "", "z")
    }
    assert found == meant
    ledger.close()


def _row(item: Item) -> tuple[object, ...] | None:
    """Return what the store's row of an item says, as the ledger writes it."""
    match item:
        case DeliveryReport():
            return (
                item.message_id,
                item.recipient,
                item.country,
                item.status,
                item.reason or "",
                item.provider_status,
                item.provider_code,
                item.occurred_at and int(item.occurred_at.timestamp()),
            )
        case InboundMessage():
            at = item.occurred_at and int(item.occurred_at.timestamp())
            return item.message_id, item.sender, item.recipient, item.content, at
        case Reject():
            return None


def test_an_unreadable_item_costs_itself() -> None:
    """A batch with one bad item is read but for that item, which is refused for its own fault."""
    batches = [c for c in plan("juhe", rejected=1.0, malformed=0) if len(c.items) > 1]
    for callback in batches[:200]:
        items = read(callback)
        bad = [(item.spoil.why if isinstance(item, PlannedReject) else None) for item in callback.items]
        assert [item.error.why if isinstance(item, Reject) else None for item in items] == bad
        assert sum(why is not None for why in bad) == 1


def test_a_repeat_is_the_same_request() -> None:
    """A report that comes again alone comes in the very same bytes."""
    first_seen: dict[PlannedCallback, PlannedRequest] = {}
    repeats = 0
    for callback in plan(repeated=0.3):
        request = written(callback)
        repeats += callback in first_seen
        assert first_seen.setdefault(callback, request) == request
    assert repeats > 50


def test_only_the_right_answer_acknowledges() -> None:
    """`OK` acknowledges, and for CloudSMS an ANSWER of the same SERIAL with RESULT_CODE 1; nothing else does."""
    request = PlannedRequest("POST", body=b'{"SERIAL":7}')
    answer = {"METHOD": "SMS_PUSH_REPORT", "TYPE": "ANSWER", "SERIAL": 7, "RESULT_CODE": 1, "RESULT_DESC": "OK"}
    right = orjson.dumps(answer)
    wrong = [orjson.dumps(answer | change) for change in ({"SERIAL": 8}, {"RESULT_CODE": 3}, {"TYPE": "REQUEST"})]
    assert cloudsms.acknowledges(request, right)
    assert not any(cloudsms.acknowledges(request, body) for body in (*wrong, b"OK", b"", b"[]"))
    for provider in ("cm", "juhe", "santo"):
        assert DIALECTS[provider].acknowledges(request, b"OK")
        assert not any(DIALECTS[provider].acknowledges(request, body) for body in (b"", b"ok", right))


def test_time_serves_where_report_time_is_missing() -> None:
    """CloudSMS leaves REPORT_TIME out now and then, and TIME is then when it happened."""
    at = datetime(2026, 11, 20, 12, tzinfo=UTC) - timedelta(days=3)
    number = Number("HK", 852, "67123411")
    bodies = [orjson.loads(form.body) for form in _forms("cloudsms", {"message_id": "u", "number": number, "at": at})]
    lone = [body["TIME"] for body in bodies if "REPORT_TIME" not in body]
    assert set(lone) == {"2026-11-17 20:00:00"}
