"""CM.com: GET and POST by "CM Messaging API", section 5; error codes by docs.cm.nl/http_SR.pdf, section 4."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from typing import Final
from urllib.parse import quote, urlencode

import orjson

from ingest.simulation import corruption
from ingest.simulation.dialect import Dialect, happens, hexadecimal, says_ok, sometimes_up_to
from ingest.simulation.plan import Number, PlannedCallback, PlannedItem, PlannedOutcome, PlannedReport, PlannedRequest
from normalizers.model import Account, Reason, Status

#: Error code, reason, text, and the code's weight with status 3 (failed) and with status 1 (rejected).
_ERRORS: Final = (
    ("5", Reason.UNKNOWN, "Undelivered", 14, 0),
    ("7", Reason.INSUFFICIENT_SUBSCRIBER_CREDIT, "Retrying for lack of subscriber credit", 0.5, 0),
    ("8", Reason.EXPIRED, "Expired", 12, 0),
    ("20", Reason.UNSUPPORTED, "Not deliverable in its current form", 1, 1),
    ("21", Reason.INSUFFICIENT_SUBSCRIBER_CREDIT, "Insufficient subscriber credit", 1, 0),
    ("22", Reason.INSUFFICIENT_SUBSCRIBER_CREDIT, "Subscriber credit too low", 0.5, 0.5),
    ("23", Reason.INVALID_NUMBER, "Invalid MSISDN", 5, 6),
    ("24", Reason.ABSENT_SUBSCRIBER, "Absent subscriber", 18, 0),
    ("25", Reason.NETWORK_ERROR, "Temporary network failure", 4, 0),
    ("26", Reason.HANDSET_ERROR, "Handset memory full", 3, 0),
    ("27", Reason.HANDSET_ERROR, "Handset incompatible", 0.5, 0),
    ("28", Reason.CONTENT_REJECTED, "Suspected spam", 2, 3),
    ("29", Reason.CONTENT_REJECTED, "Content not allowed", 0.5, 1),
    ("30", Reason.SPEND_LIMIT, "Spend limit reached", 0.5, 0.5),
    ("31", Reason.INSUFFICIENT_SUBSCRIBER_CREDIT, "Subscriber can't be billed", 0.5, 0),
    ("33", Reason.SUBSCRIBER_BARRED, "Parental lock", 0.3, 0),
    ("34", Reason.SUBSCRIBER_BARRED, "Age verification failed", 0.3, 0),
    ("35", Reason.PROVIDER_ERROR, "Age verification not done", 0.2, 0),
    ("36", Reason.PROVIDER_ERROR, "Age verification communication error", 0.2, 0),
    ("37", Reason.BLOCKLISTED, "National blocklist", 0.5, 2),
)


def _failures() -> Iterator[PlannedOutcome]:
    for error, reason, text, failed, refused in _ERRORS:
        yield PlannedOutcome("3", Status.UNDELIVERABLE, failed, reason, error=error, text=text)
        if refused:
            yield PlannedOutcome("1", Status.REJECTED, refused, reason, error=error, text=text)


_STEPS: Final = (PlannedOutcome("0", Status.ACCEPTED, 0.85, text="Accepted"),)
_FINALS: Final = (
    PlannedOutcome("2", Status.DELIVERED, 1400, text="Delivered"),
    PlannedOutcome("2", Status.DELIVERED, 60, error="0", text="Delivered"),
    PlannedOutcome("2", Status.DELIVERED, 20, error="200", text="Delivered"),
    PlannedOutcome("2", Status.DELIVERED, 20, error="delivered", text="Delivered"),
    *_failures(),
    PlannedOutcome("1", Status.REJECTED, 3, Reason.UNKNOWN),
    PlannedOutcome("3", Status.UNDELIVERABLE, 3, Reason.UNKNOWN),
    # In no table: error codes and states that were seen elsewhere.
    PlannedOutcome("3", Status.UNDELIVERABLE, 1, Reason.UNKNOWN, error="206", text="Failure"),
    PlannedOutcome("3", Status.UNDELIVERABLE, 0.5, Reason.UNKNOWN, error="UNDELIV"),
    PlannedOutcome("4", Status.UNKNOWN, 1, text="Read"),
    PlannedOutcome("-2", Status.UNKNOWN, 0.5, text="Cancelled"),
)
_COUNTRIES: Final = {
    "NL": 30, "GB": 18, "DE": 10, "FR": 9, "BE": 8, "ES": 5, "IT": 5, "PL": 3, "TR": 3, "US": 3, "ZA": 2, "AE": 2,
    "IN": 2,
}  # fmt: skip
_OPERATORS: Final = {
    "NL": ("20408", "20404", "20416"),
    "GB": ("23410", "23415", "23420", "23430"),
    "DE": ("26201", "26202", "26203"),
    "FR": ("20801", "20810", "20820"),
    "BE": ("20601", "20610", "20620"),
    "ES": ("21401", "21403", "21407"),
    "IT": ("22201", "22210", "22288"),
    "PL": ("26001", "26002", "26003", "26006"),
    "TR": ("28601", "28602", "28603"),
    "US": ("310260", "310410", "311480"),
    "ZA": ("65501", "65507", "65510"),
    "AE": ("42402", "42403"),
    "IN": ("40410", "40445", "405857"),
}
#: The share of reports that come by POST.
_POSTED: Final = 0.6
#: The document's spellings for GET and POST, and that of CM's site.
_ERROR_TEXTS: Final = ("STANDARDERRORTTEXT", "STANDARDERRORTXT", "STANDARDERRORTEXT")


def request(callback: PlannedCallback, account: Account) -> PlannedRequest:
    """Write a callback: a POST if it has several reports, else a POST or a GET."""
    rng = Random(callback.seed)
    if callback.spoil is not None:
        account = Account()  # spoils know the parameters by the names in the document
    happens(_POSTED, rng)  # `joins` draws this from the same seed
    if _posts(callback):
        return _post(callback.reports, account, rng)
    return PlannedRequest("GET", query=_query(callback.reports[0], account, rng))


def _posts(callback: PlannedCallback) -> bool:
    return callback.spoil.method == "POST" if callback.spoil else joins(callback.items[0])


def joins(item: PlannedItem) -> bool:
    """Tell whether a report comes by POST, and so may share a callback; its seed decides, so that repeats are alike."""
    return isinstance(item, PlannedReport) and happens(_POSTED, Random(item.seed))


def told_at(callback: PlannedCallback, report: PlannedReport) -> datetime | None:
    """Return the time that a report carries: a POST has only that of the message's creation."""
    return report.created_at if _posts(callback) else report.occurred_at


def _post(reports: list[PlannedReport], account: Account, rng: Random) -> PlannedRequest:
    messages = [_message(report, account, rng) for report in reports]
    listed = len(messages) > 1 or happens(0.1, rng)
    return PlannedRequest("POST", body=orjson.dumps({"messages": {"msg": messages if listed else messages[0]}}))


def _message(report: PlannedReport, account: Account, rng: Random) -> dict[str, object]:
    outcome = report.outcome
    as_number = happens(0.3, rng)
    return {
        "received": _stamp(report.created_at, account, "T"),
        "to": _msisdn(report.number, rng),
        "reference": report.message_id,
        "status": {
            "code": _perhaps_number(outcome.code, as_number=as_number),
            "errorCode": _perhaps_number(outcome.error, as_number=as_number),
            rng.choice(("errorDescription", *_ERROR_TEXTS)): outcome.text,
        },
        "operator": _operator(report),
    }


def _perhaps_number(code: str, *, as_number: bool) -> str | int:
    return int(code) if as_number and code.lstrip("-").isdigit() else code


def _query(report: PlannedReport, account: Account, rng: Random) -> str:
    """Write the query of a GET, with the parameter names of the account's settings."""
    values = {
        "CREATED_S": _stamp(report.created_at, account, " "),
        "DATETIME_S": _stamp(report.occurred_at, account, " "),
        "GSM": _msisdn(report.number, rng),
        "REFERENCE": report.message_id,
        rng.choice(_ERROR_TEXTS): report.outcome.text,
        "STATUS": report.outcome.code,
        "STATUSDESCRIPTION": report.outcome.error,
    }
    if happens(0.5, rng):
        values["OPERATOR"] = _operator(report)
    lower = happens(0.1, rng)
    named = {account.fields.get(name, name): value for name, value in values.items()}
    return urlencode({name.lower() if lower else name: value for name, value in named.items()}, quote_via=quote)


def _msisdn(number: Number, rng: Random) -> str:
    return f"{rng.choice(('00', '+'))}{number.digits}"


def _operator(report: PlannedReport) -> str:
    operators = _OPERATORS[report.number.country]
    return operators[int(report.number.national) % len(operators)]


def _stamp(at: datetime | None, account: Account, separator: str) -> str:
    return at.astimezone(account.timezone or UTC).strftime(f"%Y-%m-%d{separator}%H:%M:%S") if at else ""


DIALECT: Final = Dialect(
    name="cm",
    weight=0.4,
    countries=_COUNTRIES,
    steps=_STEPS,
    finals=_FINALS,
    tail=lambda rng: hexadecimal(rng, 19),  # a REFERENCE has up to 32 letters and digits
    batch=sometimes_up_to(5, share=0.02),
    told_at=told_at,
    joins=joins,
    spoils=(
        *corruption.NOT_JSON,
        corruption.EMPTY,
        corruption.without_member("messages", "msg", "status"),
        corruption.without_member("messages", "msg", "to"),
        corruption.with_value("messages", "msg", "status", value="2"),
        replace(corruption.EMPTY, method="GET"),
        corruption.without_parameter("STATUS"),
        corruption.without_parameter("GSM"),
    ),
    request=request,
    acknowledges=says_ok,
)
