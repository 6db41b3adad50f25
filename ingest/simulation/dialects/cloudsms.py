"""CloudSMS: POSTs with one JSON object, by 《CloudSMS平台Web API接口文档》 v2.4, 平台短信状态报告推送."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Final

import orjson

from ingest.simulation import corruption
from ingest.simulation.dialect import Dialect, happens, hexadecimal, sometimes_up_to
from ingest.simulation.plan import UTC_8, PlannedCallback, PlannedOutcome, PlannedReport, PlannedRequest, Spoil
from normalizers.errors import Fault
from normalizers.model import Account, Reason, Status

_STEPS: Final = (
    PlannedOutcome("9", Status.SCHEDULED, 0.05, text="IDLE"),
    PlannedOutcome("6", Status.ACCEPTED, 0.4, text="ACCEPTED"),
    PlannedOutcome("1", Status.ENROUTE, 0.7, text="ENROUTE"),
)
_FINALS: Final = (
    PlannedOutcome("2", Status.DELIVERED, 930, text="DELIVERED"),
    PlannedOutcome("3", Status.EXPIRED, 20, Reason.EXPIRED, text="EXPIRED"),
    PlannedOutcome("4", Status.DELETED, 1, Reason.DELETED, text="DELETED"),
    PlannedOutcome("5", Status.UNDELIVERABLE, 28, Reason.UNKNOWN, text="UNDELIVERABLE"),
    PlannedOutcome("7", Status.UNKNOWN, 3, text="UNKNOWN"),
    PlannedOutcome("8", Status.REJECTED, 9, Reason.UNKNOWN, text="REJECTED"),
    PlannedOutcome("60", Status.REJECTED, 6, Reason.PROVIDER_REJECTED, text="LOCAL_REJECTED"),
    # In no table.
    PlannedOutcome("10", Status.UNKNOWN, 1, text="SKIPPED"),
    PlannedOutcome("61", Status.UNKNOWN, 1, text="LOCAL_REJECTED"),
)
_COUNTRIES: Final = {
    "HK": 28, "SG": 14, "CN": 14, "TW": 9, "JP": 8, "KR": 7, "MY": 6, "MO": 4, "AU": 4, "GB": 3, "US": 3,
}  # fmt: skip


def request(callback: PlannedCallback, account: Account) -> PlannedRequest:
    """Write the reports on all recipients of a message, with the account's AUTH_KEY if it has one."""
    return PlannedRequest("POST", body=orjson.dumps(envelope(callback.reports, account)))


def envelope(reports: Sequence[PlannedReport], account: Account) -> dict[str, object]:
    """Write the body of a request like the document's example."""
    first = reports[0]
    rng = Random(first.seed)
    times = _times(first.occurred_at, account, rng)
    key = {"AUTH_KEY": account.auth_key} if account.auth_key else {}
    return {
        "METHOD": "SMS_PUSH_REPORT",
        **key,
        "TYPE": "REQUEST",
        "SERIAL": rng.randint(1, 128),
        **times,
        "SOURCE_MSISDN": rng.choice(("CloudSMS", "Verify", "85264501234")),
        "SMS_UID": first.message_id,
        "SMS_RESULT_LIST": [_result(report, as_text=happens(0.1, rng)) for report in reports],
        "CUSTOMER_BODY": {"order": f"A-{rng.randrange(10**6)}"} if happens(0.3, rng) else {},
    }


def _times(occurred_at: datetime | None, account: Account, rng: Random) -> dict[str, str]:
    """Write TIME (when the report is pushed) and the optional REPORT_TIME (when the report was made)."""
    if occurred_at is None:
        raise ValueError("CloudSMS has a clock")
    at = occurred_at.astimezone(account.timezone or UTC_8)
    if happens(0.1, rng):
        return {"TIME": _stamp(at)}
    return {"TIME": _stamp(at + timedelta(seconds=rng.randrange(5))), "REPORT_TIME": _stamp(at)}


def _result(report: PlannedReport, *, as_text: bool) -> dict[str, object]:
    return {
        "COUNTRY_CODE": report.number.calling_code,
        "DEST_MSISDN": report.number.national,
        "SMS_STATE": report.outcome.code if as_text else int(report.outcome.code),
        "RESULT_DESC": report.outcome.text,
    }


def _stamp(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"


def acknowledges(request: PlannedRequest, body: bytes) -> bool:
    """Tell whether a body is the ANSWER to a request, with the RESULT_CODE for OK."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    serial = orjson.loads(request.body)["SERIAL"]
    expected = {"METHOD": "SMS_PUSH_REPORT", "TYPE": "ANSWER", "SERIAL": serial, "RESULT_CODE": 1}
    return isinstance(answer, dict) and expected.items() <= answer.items()


def _without_uid(request: PlannedRequest, mark: str) -> PlannedRequest:
    fields = orjson.loads(request.body)
    del fields["SMS_UID"]
    return replace(request, body=orjson.dumps(fields | {"CUSTOMER_BODY": {"order": mark}}))


DIALECT: Final = Dialect(
    name="cloudsms",
    weight=0.2,
    countries=_COUNTRIES,
    steps=_STEPS,
    finals=_FINALS,
    upper=True,
    tail=lambda rng: f"X{rng.randint(1, 3):02d}{hexadecimal(rng, 14).upper()}",
    recipients=sometimes_up_to(5, share=0.05),
    together=True,
    spoils=(
        *corruption.NOT_JSON,
        corruption.EMPTY,
        Spoil(Fault.MISSING_FIELD, _without_uid, authentic=True),
        corruption.without_member("SMS_RESULT_LIST"),
        corruption.without_member("SMS_RESULT_LIST", "DEST_MSISDN"),
        corruption.with_value("SMS_RESULT_LIST", "SMS_STATE", value="DELIVRD"),
        corruption.with_value("METHOD", value="SMS_PULL_REPORT"),
    ),
    request=request,
    acknowledges=acknowledges,
)
